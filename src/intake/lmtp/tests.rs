//! LMTP as a mail server speaks it, and as nobody should.
