/* Takes one false report out of Valgrind's: linked into the programs that run under it, without effect elsewhere.
 *
 * AES-GCM in ring (DTLS, and TLS to the server) hashes short texts with `gcm_ghash_avx`. For fewer than eight blocks
 * it gets its first three zeros as "what was left in xmm0 to xmm2, xor a copy of it". That is zero whatever was left,
 * but memcheck does not know that the two are equal: when the leftovers are undefined, such as the unused half of a
 * union that was copied with SSE, it holds every bit of the tag for undefined and reports the datagram that is sent
 * with it, or the comparison with the tag that was received.
 *
 * Checked by calling that function with 1000 random leftovers and texts of 1 to 20 blocks: the result was that of the
 * definition in NIST SP 800-38D each time, and memcheck held it for undefined only for texts of 1 to 7 blocks and
 * undefined leftovers; everything else that goes into the tag was defined where the report came from.
 *
 * So the function is entered with leftovers that are defined. Nothing is suppressed and no memory is declared to be
 * defined: undefined text, keys or state are reported as before.
 */
#include <stddef.h>
#include <valgrind/valgrind.h>

#ifdef __x86_64__

/* Any library, and `ring_core_VERSION__gcm_ghash_avx`: Za is Valgrind's spelling of a star. */
void I_WRAP_SONAME_FNNAME_ZZ(Za, ring_core_Za__gcm_ghash_avx)(void *state, const void *table, const void *text,
                                                             size_t size);

void I_WRAP_SONAME_FNNAME_ZZ(Za, ring_core_Za__gcm_ghash_avx)(void *state, const void *table, const void *text,
                                                             size_t size) {
    OrigFn original;
    VALGRIND_GET_ORIG_FN(original);
    __asm__ volatile("pxor %%xmm0, %%xmm0\n\t"
                     "pxor %%xmm1, %%xmm1\n\t"
                     "pxor %%xmm2, %%xmm2"
                     :
                     :
                     : "xmm0", "xmm1", "xmm2");
    CALL_FN_v_WWWW(original, state, table, text, size);
}

#endif
