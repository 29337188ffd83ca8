//! The catalogue of finding codes. A code is stable interface: scripts, case files and the
//! documentation name it. Its explanation lives here and nowhere else.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! catalogue {
    ($($variant:ident = $text:literal : $about:literal;)+) => {
        /// A stable finding code, written `FW_PARTIAL` wherever people see it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Code { $(#[serde(rename = $text)] #[doc = $about] $variant,)+ }

        impl Code {
            /// Every code, in the order of the catalogue.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The code as people write it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// What the code means, in one or two sentences for somebody who is no DNS expert.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self { $(Self::$variant => $about,)+ }
            }
        }

        impl FromStr for Code {
            type Err = UnknownCode;

            fn from_str(text: &str) -> Result<Self, UnknownCode> {
                match text { $($text => Ok(Self::$variant),)+ _ => Err(UnknownCode(text.chars().take(40).collect())) }
            }
        }
    };
}

/// A text that is no finding code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no finding code")]
pub struct UnknownCode(String);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

catalogue! {
    // MX and DNS
    MxOursOnly = "MX_OURS_ONLY": "The domain's MX names the gateway and nothing else.";
    MxAsAccepted = "MX_AS_ACCEPTED": "The MX is not the gateway's alone, but as the service desk accepted it for this domain.";
    MxOursPlusForeign = "MX_OURS_PLUS_FOREIGN": "The MX names the gateway and another server too. Spammers deliver to the other one and go past the filter.";
    MxOursPartial = "MX_OURS_PARTIAL": "Only some of the gateway's MX hosts are in the MX. Mail flows, but without the spare path.";
    MxForeignOnly = "MX_FOREIGN_ONLY": "The MX does not name the gateway.";
    MxNone = "MX_NONE": "The domain has no MX record. Senders then deliver to its A or AAAA address, past the gateway (RFC 5321 §5.1).";
    MxNoDomain = "MX_NO_DOMAIN": "The domain does not exist in DNS: its registration has run out, or its name is misspelt.";
    MxNull = "MX_NULL": "The domain says with a null MX that it takes no mail at all (RFC 7505).";
    MxInvalid = "MX_INVALID": "An MX record does not name a usable host: it is an address, an alias, a name that does not resolve, or no legal name.";
    MxOrder = "MX_ORDER": "The preferences of the gateway's MX hosts are in another order than the gateway wants: mail takes the spare path first.";
    MxHostRetiring = "MX_HOST_RETIRING": "The MX names a host of the gateway that is going to be retired. Mail flows; the present hosts should be named instead.";
    MxHostRetired = "MX_HOST_RETIRED": "The MX names a host that the gateway has retired: it takes no mail any more.";
    MxHostAdded = "MX_HOST_ADDED": "The gateway has got a further MX host since the MX was set. Mail flows, without that spare path.";
    MxNullMixed = "MX_NULL_MIXED": "A null MX stands beside other MX records, which RFC 7505 forbids: some senders refuse to deliver.";
    MxOwnerAlias = "MX_OWNER_ALIAS": "The domain itself is an alias (CNAME): its mail follows the MX of another name.";
    MxLookupError = "MX_LOOKUP_ERROR": "The MX could not be found out. That is not the same as having no MX.";
    NsInconsistent = "NS_INCONSISTENT": "The domain's name servers do not all give the same MX. Some senders would use the one set, some the other.";
    NsLame = "NS_LAME": "A name server in the delegation does not answer for the zone.";
    NsUnreachable = "NS_UNREACHABLE": "An address of one of the domain's name servers gave no answer.";
    NsDead = "NS_DEAD": "A name-server address has been silent for 24 hours and is left out, because at least two others agree.";
    NsDelegationMismatch = "NS_DELEGATION_MISMATCH": "The parent zone and the zone itself name different sets of name servers.";
    NsNoAddress = "NS_NO_ADDRESS": "A name server in the delegation has no address.";
    DnsMalformed = "DNS_MALFORMED": "A name server sent a message that is no proper answer.";
    ResolverStale = "RESOLVER_STALE": "A public resolver still gives the old MX. Its copy expires by itself.";
    TtlHigh = "TTL_HIGH": "The MX has a long time to live, so a change takes long to reach every sender. Lowering it first makes the change fast.";
    VantageFault = "VANTAGE_FAULT": "The fault is on our side of the test, not the customer's.";
    // Firewall
    FwPass = "FW_PASS": "Every gateway address reaches the mail server.";
    FwPartial = "FW_PARTIAL": "The mail server lets in some of the gateway's addresses and not others.";
    FwAnnouncedBlocked = "FW_ANNOUNCED_BLOCKED": "The mail server does not yet let in an address from which the gateway is going to deliver. No mail comes from there before it does.";
    FwInverted = "FW_INVERTED": "Others reach the mail server and the gateway does not: a block list, geo filter or intrusion prevention drops the gateway's addresses.";
    FwRejected = "FW_REJECTED": "Others reach the mail server while the gateway's addresses are refused: a rule rejects them.";
    FwProhibited = "FW_PROHIBITED": "A firewall answers that connections from the gateway's addresses are administratively prohibited.";
    FwRejectOrDown = "FW_REJECT_OR_DOWN": "Nobody can connect, the port is refused: either the mail service is stopped or a rule rejects everybody.";
    FwServiceDown = "FW_SERVICE_DOWN": "The firewall lets the gateway through, but nothing listens on the port: the mail service is down.";
    FwNoCommonFamily = "FW_NO_COMMON_FAMILY": "The mail server has only IPv6 addresses and the gateway only IPv4 ones, or the other way round: no mail can go there.";
    FwIndeterminate = "FW_INDETERMINATE": "Nobody gets an answer: the server is down, or a firewall drops everything. From outside the two look the same.";
    FwOpenWorld = "FW_OPEN_WORLD": "The mail server accepts mail from anybody. Expected before the cut-over; afterwards spammers can go past the filter.";
    FwClosedTooEarly = "FW_CLOSED_TOO_EARLY": "The firewall already shuts out everybody but the gateway while the MX still names this server. Mail is being lost now.";
    FwLockdownVerified = "FW_LOCKDOWN_VERIFIED": "Only the gateway reaches the mail server: the filter cannot be bypassed.";
    FwLockdownApplication = "FW_LOCKDOWN_APPLICATION": "Others may connect, but the mail server refuses their mail. Once the MX has moved that is right: the filter cannot be bypassed.";
    FwUnverifiable = "FW_UNVERIFIABLE": "A hosted mail platform has no firewall of the customer's to verify.";
    // SMTP
    SmtpOk = "SMTP_OK": "A whole SMTP dialogue succeeded and the server accepts mail for the domain.";
    SmtpUnresolvable = "SMTP_UNRESOLVABLE": "The mail server's name has no address.";
    SmtpUnreachable = "SMTP_UNREACHABLE": "The mail server could not be connected to.";
    SmtpNoBanner = "SMTP_NO_BANNER": "The port is open but no SMTP greeting comes: the service hangs, or a proxy in front of it answers.";
    SmtpEarlyClose = "SMTP_EARLY_CLOSE": "The server closed the connection in the middle of the dialogue.";
    SmtpTarpit = "SMTP_TARPIT": "The server answers very slowly, on purpose or because it is overloaded. Slow is not down.";
    SmtpRateLimited = "SMTP_RATE_LIMITED": "The server says that there are too many connections for now.";
    SmtpTempFail = "SMTP_TEMP_FAIL": "The server answered with a temporary error.";
    SmtpPolicyReject = "SMTP_POLICY_REJECT": "The port is open, but the server's policy refuses to talk to this address.";
    SmtpGreylisted = "SMTP_GREYLISTED": "The server asks to try again later (greylisting). Mail gets through at the next try from the same address.";
    SmtpRcptRejected = "SMTP_RCPT_REJECTED": "The server does not accept mail for the domain.";
    SmtpPostmasterMissing = "SMTP_POSTMASTER_MISSING": "The server does not accept mail for postmaster, which every mail domain must have (RFC 5321 §4.5.1).";
    SmtpMiddlebox = "SMTP_MIDDLEBOX": "A firewall between us and the server rewrites the SMTP dialogue.";
    SmtpWrongProtocol = "SMTP_WRONG_PROTOCOL": "Something that does not speak SMTP answers on the port.";
    SmtpProtocolError = "SMTP_PROTOCOL_ERROR": "The server's answer breaks the SMTP protocol.";
    TlsAbsent = "TLS_ABSENT": "The server does not offer STARTTLS: mail to it travels in the clear.";
    TlsBroken = "TLS_BROKEN": "The server offers STARTTLS and then fails the handshake.";
    TlsStripped = "TLS_STRIPPED": "STARTTLS is offered at other places and missing at this one: something on the path removes it.";
    TlsPkix = "TLS_PKIX": "The server's certificate would not pass a strict check (name, expiry or chain). Opportunistic TLS still works.";
    TlsTooOld = "TLS_TOO_OLD": "The server speaks only TLS versions that are no longer safe (RFC 8996).";
    TlsInjection = "TLS_INJECTION": "Plain text followed the server's STARTTLS reply: it could be injected into the encrypted session.";
    SmtpAcceptsAll = "SMTP_ACCEPTS_ALL": "The server accepts a mailbox that cannot exist. If it sends such mail back later, the notices go to forged senders.";
    RelaySuspect = "RELAY_SUSPECT": "The server seems to accept mail for domains that are not its own.";
    StrangersRefused = "STRANGERS_REFUSED": "The server refuses mailboxes that do not exist, or mail for domains that are not its own, as it should.";
    StrangersUntested = "STRANGERS_UNTESTED": "Whether the server takes mail for mailboxes that do not exist, or for domains that are not its own, could not be told.";
    BlockedTarget = "BLOCKED_TARGET": "The address is private, loopback or otherwise special, so no probe is sent to it.";
    BadInput = "BAD_INPUT": "The given name, address or port is not usable.";
    // Cut-over lint
    StsMismatch = "STS_MISMATCH": "The domain's MTA-STS policy is enforced and does not name the gateway: senders that honour it would refuse to deliver after the change.";
    StsWait = "STS_WAIT": "The MTA-STS policy now names the gateway, but senders may still hold the earlier one.";
    StsRemoved = "STS_REMOVED": "An MTA-STS policy that does not name the gateway was taken away instead of mended: senders go by their copy until it expires.";
    StsIdUnchanged = "STS_ID_UNCHANGED": "The MTA-STS policy was mended, but the id in its record was not changed, so senders do not fetch it anew.";
    StsUnknown = "STS_UNKNOWN": "Whether the domain's MTA-STS policy allows the gateway could not be found out.";
    StsInvalid = "STS_INVALID": "The domain's MTA-STS record or policy is malformed, so senders ignore it (RFC 8461 §3).";
    StsOk = "STS_OK": "MTA-STS does not stand in the way of the change.";
    ContactInDomain = "CONTACT_IN_DOMAIN": "The contact's address lies in the domain that is being moved: if the move goes wrong, warnings do not arrive either.";
    RouteLoop = "ROUTE_LOOP": "The customer's own mail server is the gateway itself: mail would go round in circles.";
    SpfMx = "SPF_MX": "The SPF record uses `mx`, whose meaning changes with the MX: the own server may no longer be allowed to send.";
    SpfLookupLimit = "SPF_LOOKUP_LIMIT": "The SPF record needs more than ten DNS look-ups, so receivers treat it as broken (RFC 7208 §4.6.4).";
    SpfMultiple = "SPF_MULTIPLE": "The domain has more than one SPF record, so receivers treat SPF as broken (RFC 7208 §4.5).";
    DnssecOk = "DNSSEC_OK": "The domain is signed with DNSSEC, and its answers validate.";
    DnssecNone = "DNSSEC_NONE": "The domain is not signed with DNSSEC.";
    DnssecUnverified = "DNSSEC_UNVERIFIED": "Whether the domain's DNSSEC signatures hold could not be checked.";
    DnssecBogus = "DNSSEC_BOGUS": "The domain's DNSSEC signatures do not hold: senders behind validating resolvers get no answer at all (RFC 4035).";
    DaneOk = "DANE_OK": "The TLSA records of a gateway host match its certificate.";
    DaneMismatch = "DANE_MISMATCH": "A gateway host does not present what its TLSA records say: senders that use DANE would not deliver to it (RFC 7672).";
    DaneIgnored = "DANE_IGNORED": "A gateway host has TLSA records that senders ignore, because they are not signed or of no usable kind.";
    DaneUnknown = "DANE_UNKNOWN": "TLSA records of a gateway host could not be looked up or compared.";
    DaneOld = "DANE_OLD": "An exchange that the change leaves behind has TLSA records. They are still needed for a while.";
    TargetSpfEnforced = "TARGET_SPF_ENFORCED": "The own mail server refuses mail from the gateway because of the sender's SPF record. After the change most mail would be refused.";
    TargetSpfOk = "TARGET_SPF_OK": "The own mail server does not hold the sender's SPF record against the gateway.";
    TargetSpfUntested = "TARGET_SPF_UNTESTED": "Whether the own mail server holds the sender's SPF record against the gateway could not be told.";
    TargetDmarcUnverifiable = "TARGET_DMARC_UNVERIFIABLE": "Whether the own mail server refuses mail for DMARC cannot be seen without sending a message.";
    DmarcFound = "DMARC_FOUND": "The domain has a DMARC policy. It stays as it is when the MX moves.";
    DmarcNone = "DMARC_NONE": "The domain has no DMARC record.";
    DmarcInvalid = "DMARC_INVALID": "The domain's DMARC record is malformed, so receivers ignore it (RFC 7489 §6.6.3).";
    TlsRptFound = "TLS_RPT_FOUND": "The domain asks for TLS reports (RFC 8460).";
    TlsRptNone = "TLS_RPT_NONE": "The domain asks for no TLS reports (RFC 8460).";
    TlsRptInvalid = "TLS_RPT_INVALID": "The domain's TLS-RPT record is malformed, so no reports come (RFC 8460 §3).";
    PolicyUnread = "POLICY_UNREAD": "Policies around the domain could not be read. That is not the same as having none.";
    EarlyCutover = "EARLY_CUTOVER": "The MX already names the gateway before the checks have passed. The gateway defers the mail, senders retry.";
    // Gateway's own side
    GwOk = "GW_OK": "Every gateway MX host accepts mail for the domain.";
    GwNotAccepting = "GW_NOT_ACCEPTING": "A gateway MX host does not accept mail for the domain yet.";
    GwUnreachable = "GW_UNREACHABLE": "A gateway MX host cannot be reached from outside.";
    GwOpenRelay = "GW_OPEN_RELAY": "A gateway MX host accepts mail for a domain that it does not serve.";
    GwTls = "GW_TLS": "A gateway MX host has no STARTTLS, or a certificate that does not match its name.";
    HeloOk = "HELO_OK": "The name that the gateway says in EHLO leads to its addresses, and each of them leads back to it.";
    HeloForward = "HELO_FORWARD": "The name that the gateway says in EHLO does not lead to the address that says it: strict mail servers refuse such a sender.";
    HeloReverse = "HELO_REVERSE": "A gateway address does not lead back to the name that it says in EHLO: many mail servers refuse or distrust such a sender.";
    HeloUnknown = "HELO_UNKNOWN": "Whether the gateway's EHLO name and address lead to each other could not be looked up.";
    CanaryOk = "CANARY_OK": "A test message through the gateway arrived in the mailbox: a delivery notice came back.";
    CanaryRelayed = "CANARY_RELAYED": "The customer's mail server took a test message from the gateway; whether it reached the mailbox is not reported.";
    CanaryWaiting = "CANARY_WAITING": "A test message was sent through the gateway, or is about to be, and its delivery notice is awaited.";
    CanaryDelayed = "CANARY_DELAYED": "The gateway could not yet deliver a test message and keeps trying.";
    CanaryLate = "CANARY_LATE": "A test message was sent through the gateway, and no delivery notice came back.";
    CanaryFailed = "CANARY_FAILED": "A test message through the gateway was returned as undeliverable.";
    CanaryNotSent = "CANARY_NOT_SENT": "The gateway did not take a test message.";
    CanaryNoDsn = "CANARY_NO_DSN": "The gateway offers no delivery notices, so the path cannot be proven with a test message.";
}
