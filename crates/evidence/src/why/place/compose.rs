//! Does the container's own configuration name the peer: what its runtime keeps, the compose file it was made from?

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Place;
use crate::why::look::{Files, Look};

pub(super) struct Compose;

impl Place for Compose {
    fn name(&self) -> &'static str {
        "container"
    }

    fn search(&self, look: &mut Look<'_>) {
        let Some(container) = &look.question.process.container else { return self.beside(look) };
        let id = container.id.clone();
        // The id becomes part of paths.
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
            return;
        }
        for path in runtime_files(&id) {
            let Some(text) = look.file(self.name(), Files::Host, Path::new(&path)) else { continue };
            for file in compose_files(&text) {
                look.file(self.name(), Files::Host, &file);
                if let Some(folder) = file.parent() {
                    look.file(self.name(), Files::Host, &folder.join(".env"));
                }
            }
        }
    }
}

impl Compose {
    /// Without a container, a compose file in the working folder may still be what starts it.
    fn beside(&self, look: &mut Look<'_>) {
        let Some(cwd) =
            look.question.process.cwd.clone().filter(|cwd| cwd.len() > 1 && !super::super::is_anybodys(cwd))
        else {
            return;
        };
        for name in NAMES {
            look.file(self.name(), Files::Own, &Path::new(&cwd).join(name));
        }
    }
}

const NAMES: &[&str] = &["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

/// Docker; Podman; containerd, CRI-O and runc below them.
fn runtime_files(id: &str) -> Vec<String> {
    vec![
        format!("/var/lib/docker/containers/{id}/config.v2.json"),
        format!("/var/lib/docker/containers/{id}/hostconfig.json"),
        format!("/var/lib/docker/containers/{id}/hosts"),
        format!("/var/lib/containers/storage/overlay-containers/{id}/userdata/config.json"),
        format!("/run/containerd/io.containerd.runtime.v2.task/k8s.io/{id}/config.json"),
        format!("/run/containerd/io.containerd.runtime.v2.task/moby/{id}/config.json"),
        format!("/run/containerd/io.containerd.runtime.v2.task/default/{id}/config.json"),
    ]
}

/// What of Docker's file is asked for.
#[derive(Deserialize)]
struct Container {
    #[serde(rename = "Config")]
    config: Option<Config>,
}

#[derive(Deserialize)]
struct Config {
    #[serde(rename = "Labels", default)]
    labels: std::collections::BTreeMap<String, String>,
}

/// The files that `docker compose` made it from; at most `COMPOSE_FILES_MAX`.
fn compose_files(text: &str) -> Vec<PathBuf> {
    let labels = serde_json::from_str::<Container>(text).ok().and_then(|container| container.config);
    let Some(Config { labels }) = labels else { return Vec::new() };
    let folder = labels.get("com.docker.compose.project.working_dir").map_or("/", String::as_str);
    let files = labels.get("com.docker.compose.project.config_files").map(String::as_str).unwrap_or_default();
    let files = files.split(',').filter(|file| !file.is_empty()).take(COMPOSE_FILES_MAX);
    files.map(|file| Path::new(folder).join(file)).filter(|file| file.is_absolute()).collect()
}

const COMPOSE_FILES_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_say_which_compose_file_it_was() {
        let text = r#"{"ID":"x","Config":{"Labels":{"com.docker.compose.project.working_dir":"/srv/shop","com.docker.compose.project.config_files":"/srv/shop/compose.yaml,prod.yaml"}}}"#;
        assert_eq!(compose_files(text), [Path::new("/srv/shop/compose.yaml"), Path::new("/srv/shop/prod.yaml")]);
        for other in ["", "{}", "[", r#"{"Config":null}"#, r#"{"Config":{"Labels":{}}}"#] {
            assert!(compose_files(other).is_empty(), "{other}");
        }
    }
}
