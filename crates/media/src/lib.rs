//! What happens to frames and packets between source, link and sink, decided without IO.
