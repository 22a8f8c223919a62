/*
 * VP8 on libvpx with the settings of a call, behind opaque pointers.
 *
 * The structs of libvpx change with its version; only this file, compiled against the installed headers, knows
 * them. Functions that can fail return NULL on success or a text; the text belongs to libvpx and lives until the
 * next call with the same object. An object is used by one thread at a time.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <vpx/vp8cx.h>
#include <vpx/vp8dx.h>
#include <vpx/vpx_decoder.h>
#include <vpx/vpx_encoder.h>

struct parlor_vp8_picture {
    const uint8_t *planes[3];
    int strides[3];
    unsigned width;
    unsigned height;
};

struct parlor_vp8_packet {
    const uint8_t *data;
    size_t length;
    int keyframe;
};

struct parlor_vp8_encoder {
    vpx_codec_ctx_t codec;
    vpx_codec_enc_cfg_t config;
};

struct parlor_vp8_decoder {
    vpx_codec_ctx_t codec;
};

static const char *explain(vpx_codec_ctx_t *codec) {
    const char *detail = vpx_codec_error_detail(codec);
    return detail != NULL ? detail : vpx_codec_error(codec);
}

/* A keyframe may take as much as 0.3 s of the rate carries, whatever the frame rate. */
static unsigned intra_cap_percent(unsigned frames_per_second) {
    unsigned percent = frames_per_second * 30;
    return percent < 300 ? 300 : percent;
}

void parlor_vp8_encoder_free(struct parlor_vp8_encoder *encoder) {
    if (encoder != NULL) {
        vpx_codec_destroy(&encoder->codec);
        free(encoder);
    }
}

const char *parlor_vp8_encoder_new(unsigned width, unsigned height, unsigned kilobits, unsigned frames_per_second,
                                   struct parlor_vp8_encoder **out) {
    struct parlor_vp8_encoder *encoder = calloc(1, sizeof *encoder);
    if (encoder == NULL) {
        return "out of memory";
    }
    vpx_codec_enc_cfg_t *config = &encoder->config;
    vpx_codec_err_t error = vpx_codec_enc_config_default(vpx_codec_vp8_cx(), config, 0);
    if (error != VPX_CODEC_OK) {
        free(encoder);
        return vpx_codec_err_to_string(error);
    }
    config->g_w = width;
    config->g_h = height;
    config->g_timebase.num = 1;
    config->g_timebase.den = 90000;
    /* libvpx's VP8 row threads spin: two of them on busy cores cost many times what they save. */
    config->g_threads = 1;
    config->g_pass = VPX_RC_ONE_PASS;
    config->g_lag_in_frames = 0;
    config->g_error_resilient = 0;
    config->rc_end_usage = VPX_CBR;
    config->rc_target_bitrate = kilobits;
    config->rc_dropframe_thresh = 30;
    config->rc_resize_allowed = 0;
    config->rc_min_quantizer = 2;
    config->rc_max_quantizer = 56;
    config->rc_undershoot_pct = 100;
    config->rc_overshoot_pct = 15;
    config->rc_buf_initial_sz = 500;
    config->rc_buf_optimal_sz = 600;
    config->rc_buf_sz = 1000;
    /* Keyframes cost much and are asked for by receivers that need one. */
    config->kf_mode = VPX_KF_DISABLED;
    error = vpx_codec_enc_init(&encoder->codec, vpx_codec_vp8_cx(), config, 0);
    if (error != VPX_CODEC_OK) {
        free(encoder);
        return vpx_codec_err_to_string(error);
    }
    /* A fixed speed: positive values would adapt to the clock, and differ from run to run. */
    if (vpx_codec_control(&encoder->codec, VP8E_SET_CPUUSED, -6) != VPX_CODEC_OK ||
        vpx_codec_control(&encoder->codec, VP8E_SET_STATIC_THRESHOLD, 1) != VPX_CODEC_OK ||
        vpx_codec_control(&encoder->codec, VP8E_SET_NOISE_SENSITIVITY, 0) != VPX_CODEC_OK ||
        vpx_codec_control(&encoder->codec, VP8E_SET_TOKEN_PARTITIONS, VP8_ONE_TOKENPARTITION) != VPX_CODEC_OK ||
        vpx_codec_control(&encoder->codec, VP8E_SET_MAX_INTRA_BITRATE_PCT,
                          intra_cap_percent(frames_per_second)) != VPX_CODEC_OK) {
        parlor_vp8_encoder_free(encoder);
        return "libvpx refused an encoder setting";
    }
    *out = encoder;
    return NULL;
}

const char *parlor_vp8_encoder_set_target(struct parlor_vp8_encoder *encoder, unsigned kilobits,
                                          unsigned frames_per_second) {
    encoder->config.rc_target_bitrate = kilobits;
    if (vpx_codec_enc_config_set(&encoder->codec, &encoder->config) != VPX_CODEC_OK ||
        vpx_codec_control(&encoder->codec, VP8E_SET_MAX_INTRA_BITRATE_PCT,
                          intra_cap_percent(frames_per_second)) != VPX_CODEC_OK) {
        return explain(&encoder->codec);
    }
    return NULL;
}

/* The packet stays valid until the next call; its length is 0 when rate control skipped the picture. */
const char *parlor_vp8_encoder_encode(struct parlor_vp8_encoder *encoder, const struct parlor_vp8_picture *picture,
                                      int64_t timestamp, unsigned long duration, int keyframe,
                                      struct parlor_vp8_packet *out) {
    vpx_image_t image;
    /* libvpx takes the planes as mutable pointers but only reads them. */
    if (vpx_img_wrap(&image, VPX_IMG_FMT_I420, picture->width, picture->height, 1,
                     (unsigned char *)(uintptr_t)picture->planes[0]) == NULL) {
        return "the picture's size is not supported";
    }
    for (int plane = 0; plane < 3; plane++) {
        image.planes[plane] = (unsigned char *)(uintptr_t)picture->planes[plane];
        image.stride[plane] = picture->strides[plane];
    }
    vpx_enc_frame_flags_t flags = keyframe ? VPX_EFLAG_FORCE_KF : 0;
    if (vpx_codec_encode(&encoder->codec, &image, timestamp, duration, flags, VPX_DL_REALTIME) != VPX_CODEC_OK) {
        return explain(&encoder->codec);
    }
    out->data = NULL;
    out->length = 0;
    out->keyframe = 0;
    vpx_codec_iter_t iterator = NULL;
    const vpx_codec_cx_pkt_t *packet;
    while ((packet = vpx_codec_get_cx_data(&encoder->codec, &iterator)) != NULL) {
        if (packet->kind == VPX_CODEC_CX_FRAME_PKT) {
            out->data = packet->data.frame.buf;
            out->length = packet->data.frame.sz;
            out->keyframe = (packet->data.frame.flags & VPX_FRAME_IS_KEY) != 0;
            break;
        }
    }
    return NULL;
}

void parlor_vp8_decoder_free(struct parlor_vp8_decoder *decoder) {
    if (decoder != NULL) {
        vpx_codec_destroy(&decoder->codec);
        free(decoder);
    }
}

const char *parlor_vp8_decoder_new(struct parlor_vp8_decoder **out) {
    struct parlor_vp8_decoder *decoder = calloc(1, sizeof *decoder);
    if (decoder == NULL) {
        return "out of memory";
    }
    vpx_codec_dec_cfg_t config = {.threads = 1, .w = 0, .h = 0};
    vpx_codec_err_t error = vpx_codec_dec_init(&decoder->codec, vpx_codec_vp8_dx(), &config, 0);
    if (error != VPX_CODEC_OK) {
        free(decoder);
        return vpx_codec_err_to_string(error);
    }
    *out = decoder;
    return NULL;
}

/* The picture stays valid until the next call; its width is 0 when the frame is not to be shown. */
const char *parlor_vp8_decoder_decode(struct parlor_vp8_decoder *decoder, const uint8_t *data, size_t length,
                                      struct parlor_vp8_picture *out) {
    out->width = 0;
    out->height = 0;
    if (length > UINT32_MAX) {
        return "the frame is too long";
    }
    if (vpx_codec_decode(&decoder->codec, data, (unsigned)length, NULL, 0) != VPX_CODEC_OK) {
        return explain(&decoder->codec);
    }
    /* libvpx conceals some damage and reports success. */
    int corrupted = 0;
    if (vpx_codec_control(&decoder->codec, VP8D_GET_FRAME_CORRUPTED, &corrupted) == VPX_CODEC_OK && corrupted) {
        return "the frame, or one that it refers to, is damaged";
    }
    vpx_codec_iter_t iterator = NULL;
    const vpx_image_t *image = vpx_codec_get_frame(&decoder->codec, &iterator);
    if (image == NULL) {
        return NULL;
    }
    if (image->fmt != VPX_IMG_FMT_I420) {
        return "the picture is not 4:2:0";
    }
    for (int plane = 0; plane < 3; plane++) {
        out->planes[plane] = image->planes[plane];
        out->strides[plane] = image->stride[plane];
    }
    out->width = image->d_w;
    out->height = image->d_h;
    return NULL;
}
