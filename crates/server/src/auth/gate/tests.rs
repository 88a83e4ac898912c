//! Is what stands in no table refused to everybody, also to root?

use axum::Router;
use axum::extract::Path;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use tokio::sync::watch;

use tripoint_api::{Client, ClientError};

use super::*;
use crate::ServerOptions;
use crate::access::Access;
use crate::auth::Auth;
use crate::store::{Keep, Sqlite};

#[tokio::test]
async fn a_route_that_nobody_wrote_into_the_table_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["run", "server"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    let own = rustix::process::getuid().as_raw();
    let options = ServerOptions { data_dir: folder.path().into(), admin_uids: vec![own], ..ServerOptions::default() };
    let store = Sqlite::open(&folder.path().join("server/x.sqlite"), Keep::default()).await.unwrap();
    let both = (Access::load(&options).unwrap(), Auth::load(folder.path(), None).unwrap());
    let (_stop, stopped) = watch::channel(false);
    let app = Arc::new(App::new(store, both, stopped.clone(), None, None, folder.path()));
    let served = || async { "served" };
    let router = Router::new()
        .route("/v1/new", get(served).post(served))
        .route("/v1/health", get(served).post(served))
        .route_layer(from_fn_with_state(Arc::clone(&app), people));
    let socket = folder.path().join("run/s");
    let listener = crate::listen::unix(&socket, None).unwrap();
    tokio::spawn(crate::listen::run_unix(listener, router, stopped));
    let client = Client::unix(&socket);
    let status = |result: Result<String, ClientError>| match result {
        Ok(text) => (200, text),
        Err(ClientError::Problem(problem)) => (problem.status, problem.detail),
        Err(other) => panic!("{other}"),
    };
    let refused = status(client.get_text("/v1/new").await);
    assert_eq!((refused.0, refused.1.contains("no table")), (403, true), "{refused:?}");
    assert_eq!(status(client.post("/v1/new", &()).await).0, 403);
    assert_eq!(status(client.get_text("/v1/health").await), (200, "served".into()), "what stands there is served");
    assert_eq!(status(client.post("/v1/health", &()).await).0, 405, "not by a method that does not stand there");
}

#[tokio::test]
async fn what_stands_in_the_path_is_read_as_the_route_reads_it() {
    async fn told(Path(own): Path<String>, mut request: Request) -> String {
        let seen = target(&named(&mut request).await);
        assert_eq!(seen, own);
        seen
    }
    let folder = tempfile::tempdir().unwrap();
    let router = Router::new().route("/v1/alerts/{id}/resolve", get(told));
    let socket = folder.path().join("s");
    let (_stop, stopped) = watch::channel(false);
    tokio::spawn(crate::listen::run_unix(crate::listen::unix(&socket, None).unwrap(), router, stopped));
    let client = Client::unix(&socket);
    for (sent, meant) in [("x%20y", "x y"), ("a%41%2Fb", "aA/b"), ("%+1", "%+1"), ("50%", "50%"), ("+1", "+1")] {
        assert_eq!(client.get_text(&format!("/v1/alerts/{sent}/resolve")).await.unwrap(), meant);
    }
    assert!(client.get_text("/v1/alerts/%ff/resolve").await.is_err(), "no text, no route");
}
