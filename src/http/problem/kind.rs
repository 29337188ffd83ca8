//! The kinds of problems, in one list: what each means, and the way out. The slug at the end of `type` is interface and
//! stays for ever; the words are for people. Nothing here answers a request.

use axum::http::StatusCode;

/// Where the page of a kind lies; the beginning of every `type`.
pub const PAGES: &str = "/problems";

/// The kinds of problems; each is one `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    BadRequest,
    NoToken,
    NotAllowed,
    NotFound,
    MethodNotAllowed,
    Conflict,
    KeyReused,
    TooLarge,
    MediaType,
    Invalid,
    Internal,
    Busy,
    SlowBody,
    Timeout,
    NotReady,
    /// What was asked is over (410).
    Late,
    /// Somebody asks too often (429).
    TooMany,
}

struct About {
    status: StatusCode,
    slug: &'static str,
    title: &'static str,
    means: &'static str,
    remedy: &'static str,
}

impl Kind {
    pub const ALL: [Self; 17] = [
        Self::BadRequest,
        Self::NoToken,
        Self::NotAllowed,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::SlowBody,
        Self::Conflict,
        Self::KeyReused,
        Self::Late,
        Self::TooLarge,
        Self::MediaType,
        Self::Invalid,
        Self::TooMany,
        Self::Internal,
        Self::Busy,
        Self::NotReady,
        Self::Timeout,
    ];

    #[must_use]
    pub const fn status(self) -> StatusCode {
        self.about().status
    }

    /// Names the kind for ever.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        self.about().slug
    }

    /// The kind in words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.about().title
    }

    /// When it is answered, in a sentence or two.
    #[must_use]
    pub const fn means(self) -> &'static str {
        self.about().means
    }

    /// What to do about it.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        self.about().remedy
    }

    /// The `type`: an address on the host that answered.
    #[must_use]
    pub fn uri(self) -> String {
        format!("{PAGES}/{}", self.slug())
    }

    const fn about(self) -> About {
        match self {
            Self::BadRequest => About {
                status: StatusCode::BAD_REQUEST,
                slug: "bad-request",
                title: "The request cannot be read",
                means: "The address, a parameter, a header field or the body is not of the form that is expected.",
                remedy: "`detail` names the place. Mend the request; the same one will fail again.",
            },
            Self::NoToken => About {
                status: StatusCode::UNAUTHORIZED,
                slug: "no-valid-token",
                title: "A valid token is needed",
                means: "There was no token, or it is unknown, has expired or was revoked. The answer is the same for all four.",
                remedy: "Send `Authorization: Bearer fp_…`. The service desk makes tokens with `fencepost token create`.",
            },
            Self::NotAllowed => About {
                status: StatusCode::FORBIDDEN,
                slug: "not-allowed",
                title: "This token may not do that",
                means: "The token is in force, and its role is another than the ones that may do this.",
                remedy: "`detail` names the roles. Ask the service desk for a token that has one of them.",
            },
            Self::NotFound => About {
                status: StatusCode::NOT_FOUND,
                slug: "not-found",
                title: "Not found",
                means: "It is not known here, or your token may not see it. Both get this one answer.",
                remedy: "Compare the spelling with a listing, which shows what you may see.",
            },
            Self::MethodNotAllowed => About {
                status: StatusCode::METHOD_NOT_ALLOWED,
                slug: "method-not-allowed",
                title: "This address does not take that method",
                means: "The address exists, but not for this method.",
                remedy: "The header field `Allow` lists the methods.",
            },
            Self::Conflict => About {
                status: StatusCode::CONFLICT,
                slug: "conflict",
                title: "The request contradicts what is stored",
                means: "The request is well formed, but what is stored speaks against it, or it comes too early or too late.",
                remedy: "`detail` says what stands against it. Read the present state, then decide again.",
            },
            Self::KeyReused => About {
                status: StatusCode::CONFLICT,
                slug: "idempotency-key-reused",
                title: "The Idempotency-Key was used for another request",
                means: "A request with this key came before, and it was a different one. Nothing was done.",
                remedy: "Use a new key for a new request, or repeat the first request unchanged.",
            },
            Self::TooLarge => About {
                status: StatusCode::PAYLOAD_TOO_LARGE,
                slug: "too-large",
                title: "The request is too large",
                means: "The body is longer than this service takes from this caller.",
                remedy: "Send less at once: a table of customers can be sent in pieces.",
            },
            Self::MediaType => About {
                status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
                slug: "media-type",
                title: "The body has another media type",
                means: "The body is of a media type that is not taken at this address.",
                remedy: "Send `Content-Type: application/json`; for tables, `text/csv`.",
            },
            Self::Invalid => About {
                status: StatusCode::UNPROCESSABLE_ENTITY,
                slug: "invalid",
                title: "The request was refused",
                means: "The body can be read, but something in it cannot be. Nothing of it was stored.",
                remedy: "`errors` names every field with the reason. Mend them all and send it again.",
            },
            Self::Internal => About {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                slug: "internal",
                title: "Something failed on our side",
                means: "It is no fault of the request. The log of the service says what failed.",
                remedy: "Try again with the same Idempotency-Key. Tell the service desk if it stays.",
            },
            Self::Busy => About {
                status: StatusCode::SERVICE_UNAVAILABLE,
                slug: "busy",
                title: "Too many requests at the same time",
                means: "The service handles as many requests, connections or streams as it may. Nothing was done.",
                remedy: "Wait for as many seconds as `Retry-After` says, then try again.",
            },
            Self::SlowBody => About {
                status: StatusCode::REQUEST_TIMEOUT,
                slug: "slow-body",
                title: "The body took too long to arrive",
                means: "The body of the request was not there in time. Nothing was done.",
                remedy: "Try again over a better connection, or send less at once.",
            },
            Self::Timeout => About {
                status: StatusCode::GATEWAY_TIMEOUT,
                slug: "timeout",
                title: "The request took too long",
                means: "The request was given up. It may have been carried out.",
                remedy: "Send it again with the same Idempotency-Key: it is carried out once.",
            },
            Self::Late => About {
                status: StatusCode::GONE,
                slug: "late",
                title: "It comes too late",
                means: "What this answers to is over: nobody waits for it any more.",
                remedy: "Nothing. Do not send it again.",
            },
            Self::TooMany => About {
                status: StatusCode::TOO_MANY_REQUESTS,
                slug: "too-many-requests",
                title: "Too many requests",
                means: "This client, or this token, has asked more often than it may. Nothing was done.",
                remedy: "Wait for as many seconds as `Retry-After` says, then try again; ask less often, or keep what you were told.",
            },
            Self::NotReady => About {
                status: StatusCode::SERVICE_UNAVAILABLE,
                slug: "not-ready",
                title: "The service is not ready",
                means: "The database cannot be used just now, or the engine stands still. Nothing was changed.",
                remedy: "Wait for as many seconds as `Retry-After` says, then try again with the same Idempotency-Key.",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_a_name_of_its_own() {
        let mut slugs: Vec<&str> = Kind::ALL.iter().map(|kind| kind.slug()).collect();
        assert!(slugs.iter().all(|slug| slug.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')), "{slugs:?}");
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), Kind::ALL.len());
    }

    #[test]
    fn every_kind_is_in_the_documentation() {
        let text = include_str!("../../../docs/api.md");
        for kind in Kind::ALL {
            let row = format!("| `{}` | {} |", kind.slug(), kind.status().as_u16());
            assert!(text.contains(&row), "docs/api.md lacks `{row}`");
        }
    }
}
