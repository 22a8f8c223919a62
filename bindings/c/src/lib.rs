//! libparlor: the C binding of the Parlor engine.
