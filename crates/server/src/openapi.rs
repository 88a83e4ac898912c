//! What does the API look like to programs that are not ours?
//!
//! The document is made from the routes listed here and from the types themselves; it is checked in as
//! `openapi/tripoint.json`, and a test says when that is stale.

mod accounts;
mod actions;
mod alerts;
mod bouncers;
mod channels;
mod connections;
mod events;
mod exceptions;
mod health;
mod queue;
mod shape;

use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use tripoint_api::Problem;

use shape::{Described, Make, Shapes, of};

/// One request.
#[derive(Clone, Copy)]
pub struct Route {
    /// HTTP method, lower case.
    pub method: &'static str,
    /// Path, with `{names}`.
    pub path: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// Query parameters.
    query: &'static [Parameter],
    /// The body.
    request: Option<Make>,
    /// What comes back.
    answer: Answer,
    /// Whether it is for agents only.
    pub agents_only: bool,
}

/// A query parameter and its type.
type Parameter = (&'static str, Make);

/// What comes back when all is well.
#[derive(Clone, Copy)]
enum Answer {
    /// 204.
    Nothing,
    /// 303: a browser goes on elsewhere.
    Elsewhere,
    /// Of this media type.
    Text(&'static str),
    /// Of this media type.
    Bytes(&'static str),
    /// JSON.
    Json(Make),
    /// JSON, 201.
    Made(Make),
    /// Server-sent events without end.
    Events(Make),
}

impl Route {
    const fn new(method: &'static str, path: &'static str, summary: &'static str) -> Self {
        Self { method, path, summary, query: &[], request: None, answer: Answer::Nothing, agents_only: false }
    }

    const fn asking(self, query: &'static [Parameter]) -> Self {
        Self { query, ..self }
    }

    const fn with<Q: JsonSchema>(self) -> Self {
        Self { request: Some(of::<Q>), ..self }
    }

    const fn gives<A: JsonSchema>(self) -> Self {
        Self { answer: Answer::Json(of::<A>), ..self }
    }

    const fn goes_on(self) -> Self {
        Self { answer: Answer::Elsewhere, ..self }
    }

    const fn gives_text(self, kind: &'static str) -> Self {
        Self { answer: Answer::Text(kind), ..self }
    }

    const fn makes<A: JsonSchema>(self) -> Self {
        Self { answer: Answer::Made(of::<A>), ..self }
    }

    /// `E` has a field for each kind of event.
    const fn gives_events<E: JsonSchema>(self) -> Self {
        Self { answer: Answer::Events(of::<E>), ..self }
    }

    const fn gives_bytes(self, kind: &'static str) -> Self {
        Self { answer: Answer::Bytes(kind), ..self }
    }

    const fn for_agents(self) -> Self {
        Self { agents_only: true, ..self }
    }
}

const fn get(path: &'static str, summary: &'static str) -> Route {
    Route::new("get", path, summary)
}

const fn post(path: &'static str, summary: &'static str) -> Route {
    Route::new("post", path, summary)
}

const fn delete(path: &'static str, summary: &'static str) -> Route {
    Route::new("delete", path, summary)
}

/// Every request that is served, but those of TAXII, which has a standard of its own.
pub fn routes() -> impl Iterator<Item = &'static Route> {
    let all: [&[Route]; 10] = [
        alerts::ROUTES,
        queue::ROUTES,
        actions::ROUTES,
        exceptions::ROUTES,
        connections::ROUTES,
        health::ROUTES,
        channels::ROUTES,
        accounts::ROUTES,
        bouncers::PEOPLE,
        bouncers::KEYED,
    ];
    all.into_iter().flatten()
}

/// The OpenAPI 3.1 document.
pub fn document() -> Value {
    let mut shapes = Shapes::new();
    let refusals =
        Refusals { people: shapes.answered(of::<Problem>), bouncers: shapes.answered(of::<bouncers::Refusal>) };
    let drawn: Vec<Drawn> = routes().map(|route| Drawn::new(route, &mut shapes)).collect();
    let described = shapes.described();
    let mut paths: Map<String, Value> = Map::new();
    for mut drawn in drawn {
        drawn.asked.iter_mut().for_each(|schema| described.as_asked(schema));
        let entry = paths.entry(drawn.route.path).or_insert_with(|| json!({}));
        let method = drawn.route.method;
        entry[method] = drawn.operation(&described, &refusals);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tripoint",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Served on the Unix socket run/tripoint.sock of the data folder, where the kernel says who asks, and over TCP (by TLS; on loopback by plain HTTP too) with a token or the cookie of a session. A change that a session asks for needs an Origin of this server and a body of JSON; blocks, rights and the like a confirmation of the last five minutes (403 `tripoint:confirm-needed`). A POST may carry an Idempotency-Key (but about users, sessions, tokens and bouncers), a change of one alert If-Match with the ETag of its answer; the queue's stream goes on after Last-Event-ID (docs/reference/api.md). Below /taxii2/ it speaks TAXII 2.1, for reading.",
        },
        "security": [{ "token": [] }, { "session": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer" },
                "session": { "type": "apiKey", "in": "cookie", "name": "__Host-tripoint" },
                "bouncer": { "type": "apiKey", "in": "header", "name": "X-Api-Key" },
            },
            "schemas": described.schemas,
        },
    })
}

/// The schemas of refusals.
struct Refusals {
    people: Value,
    bouncers: Value,
}

impl Refusals {
    fn of(&self, route: &Route) -> Value {
        let (kind, schema) = match bouncers::KEYED.iter().any(|keyed| keyed.path == route.path) {
            true => ("application/json", &self.bouncers),
            false => ("application/problem+json", &self.people),
        };
        json!({ "description": "Refused.", "content": { kind: { "schema": schema } } })
    }
}

/// A route with the schemas of its parts.
struct Drawn {
    route: &'static Route,
    /// Query parameters in their order, then the body where there is one.
    asked: Vec<Value>,
    answer: Option<Value>,
}

impl Drawn {
    fn new(route: &'static Route, shapes: &mut Shapes) -> Self {
        let makes = route.query.iter().map(|(_, make)| *make).chain(route.request);
        let asked = makes.map(|make| shapes.asked(make)).collect();
        let answer = match route.answer {
            Answer::Json(make) | Answer::Made(make) | Answer::Events(make) => Some(shapes.answered(make)),
            _ => None,
        };
        Self { route, asked, answer }
    }

    fn operation(self, described: &Described, refusals: &Refusals) -> Value {
        let route = self.route;
        let answers = |what: &str, kind: &str, schema: Value| json!({ "200": { "description": what, "content": { kind: { "schema": schema } } } });
        let good = match route.answer {
            Answer::Elsewhere => json!({ "303": { "description": "Goes on elsewhere." } }),
            Answer::Nothing => json!({ "204": { "description": "Done." } }),
            Answer::Text(kind) => answers("Text.", kind, json!({ "type": "string" })),
            Answer::Bytes(kind) => answers("Bytes.", kind, json!({ "type": "string", "format": "binary" })),
            Answer::Json(_) => answers("Done.", "application/json", self.answer.unwrap_or_default()),
            Answer::Made(_) => {
                json!({ "201": { "description": "Taken.", "content": { "application/json": { "schema": self.answer.unwrap_or_default() } } } })
            }
            // OpenAPI 3.1 has no words for events; who makes types of it finds them by name.
            Answer::Events(_) => {
                json!({ "200": { "description": "Events without end.", "content": { "text/event-stream": { "schema": { "type": "string" }, "x-events": self.answer.unwrap_or_default() } } } })
            }
        };
        let mut operation = json!({ "summary": route.summary, "responses": good });
        operation["responses"]["default"] = refusals.of(route);
        let mut asked = self.asked.into_iter();
        let of_path = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let of_path =
            of_path.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
        let of_query = route.query.iter().zip(asked.by_ref());
        let of_query = of_query.map(|((name, _), schema)| json!({ "name": name, "in": "query", "schema": schema }));
        let parameters: Vec<Value> = of_path.chain(of_query).collect();
        if !parameters.is_empty() {
            operation["parameters"] = parameters.into();
        }
        if let Some(schema) = asked.next() {
            operation["requestBody"] = json!({ "required": described.needs(&schema), "content": { "application/json": { "schema": schema } } });
        }
        if route.agents_only {
            operation["description"] = "For agents only: root, through the Unix socket.".into();
        }
        if let Some(ways) = accounts::ways(route) {
            operation["security"] = ways;
        }
        operation
    }
}

#[cfg(test)]
mod tests;
