//! Does the server keep its promises to the client: durable, idempotent, closed to strangers?

mod api;
mod audit;
mod backup;
mod browser;
mod channels;
mod connections;
mod exceptions;
mod images;
mod kill;
mod lapi;
mod matrix;
mod monitoring;
mod notify;
mod openapi;
mod people;
mod permits;
mod push;
mod queue;
mod receiver;
mod rig;
mod routes;
mod second;
mod sessions;
mod taxii;
mod told;
mod verdicts;
