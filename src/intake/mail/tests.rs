//! Mails as they come, hostile ones, and authentication against a DNS server of our own.
