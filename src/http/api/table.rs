//! The routes of the API in one table: the router is made of it, and the tests compare it with the document. How
//! an answer may be kept and where a list goes on are said here, once for each route.

use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn;
use axum::routing::{MethodRouter, delete, get, post};

use crate::http::{HttpState, kept};

/// Routes, one by one.
pub(in crate::http) struct Table {
    router: Router<HttpState>,
    #[cfg(test)]
    pub listed: Vec<(&'static str, &'static str)>,
}

impl Table {
    pub(super) fn new() -> Self {
        Self {
            router: Router::new(),
            #[cfg(test)]
            listed: Vec::new(),
        }
    }

    pub(in crate::http) fn into_router(self) -> Router<HttpState> {
        self.router
    }

    /// Of this very moment: never kept by anybody.
    pub(super) fn get<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, HttpState>,
        T: 'static,
    {
        self.with("get", path, get(handler))
    }

    /// Has an `ETag`, and may be kept by the caller.
    pub(super) fn kept<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, HttpState>,
        T: 'static,
    {
        self.with("get", path, get(handler).layer(from_fn(kept::tagged)))
    }

    /// Pages, each with a link to the next.
    pub(super) fn list<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, HttpState>,
        T: 'static,
    {
        self.with("get", path, get(handler).layer(from_fn(super::paging::linked)))
    }

    /// Pages with links, each with an `ETag`.
    pub(super) fn kept_list<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, HttpState>,
        T: 'static,
    {
        self.with("get", path, get(handler).layer(from_fn(super::paging::linked)).layer(from_fn(kept::tagged)))
    }

    pub(super) fn post<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, HttpState>,
        T: 'static,
    {
        self.with("post", path, post(handler))
    }

    pub(super) fn delete<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, HttpState>,
        T: 'static,
    {
        self.with("delete", path, delete(handler))
    }

    #[cfg_attr(not(test), allow(unused_variables, reason = "only tests read the list"))]
    fn with(mut self, method: &'static str, path: &'static str, route: MethodRouter<HttpState>) -> Self {
        #[cfg(test)]
        self.listed.push((method, path));
        self.router = self.router.route(path, route);
        self
    }
}
