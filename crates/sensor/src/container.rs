//! In which container, pod or unit does a process live, told by its cgroup and the runtime's files?

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tripoint_model::Container;

/// Scope names of the runtimes: text before the id, after it, and the runtime.
const SCOPES: &[(&str, &str, &str)] = &[
    ("docker-", ".scope", "docker"),
    ("cri-containerd-", ".scope", "containerd"),
    ("crio-", ".scope", "cri-o"),
    ("libpod-", ".scope", "podman"),
    ("nerdctl-", ".scope", "containerd"),
];

/// What the end of a cgroup path says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The container.
    pub container: Option<Container>,
    /// The systemd unit.
    pub unit: Option<String>,
}

/// Reads a cgroup path (`/system.slice/docker-<id>.scope`), from the innermost part outwards.
pub fn place(path: &str) -> Place {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let mut place = Place::default();
    for (index, part) in parts.iter().enumerate().rev() {
        if place.container.is_none() {
            place.container = container_of(part, parts.get(..index).unwrap_or(&[]));
        }
        if place.unit.is_none() && (part.ends_with(".service") || part.ends_with(".scope")) && place.container.is_none()
        {
            place.unit = Some((*part).to_owned());
        }
    }
    place
}

fn container_of(part: &str, outer: &[&str]) -> Option<Container> {
    let (id, runtime) = scope_of(part, outer)?;
    let pod = outer.iter().rev().find_map(|part| pod_uid(part));
    Some(Container { id, runtime: runtime.to_owned(), pod, ..Container::default() })
}

fn scope_of(part: &str, outer: &[&str]) -> Option<(String, &'static str)> {
    for (before, after, runtime) in SCOPES {
        if let Some(id) = part.strip_prefix(before).and_then(|rest| rest.strip_suffix(after))
            && is_id(id)
        {
            return Some((id.to_owned(), runtime));
        }
    }
    if let Some(name) = part.strip_prefix("lxc.payload.").or_else(|| part.strip_prefix("lxc/")) {
        return Some((name.to_owned(), "lxc"));
    }
    if let Some(name) = part.strip_prefix("machine-").and_then(|rest| rest.strip_suffix(".scope")) {
        return Some((name.to_owned(), "nspawn"));
    }
    if is_id(part) {
        // cgroupfs drivers: /docker/<id>, /kubepods/…/pod<uid>/<id>, /libpod_parent/<id>.
        let runtime = match outer.last() {
            Some(&"docker") => "docker",
            Some(&"lxc") => "lxc",
            Some(parent) if parent.starts_with("libpod") => "podman",
            Some(parent) if parent.starts_with("pod") => "containerd",
            _ => return None,
        };
        return Some((part.to_owned(), runtime));
    }
    None
}

fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The uid in `pod<uid>` or `kubepods-burstable-pod<uid>.slice`; systemd writes `_` for `-`.
fn pod_uid(part: &str) -> Option<String> {
    let bare = part.strip_suffix(".slice").unwrap_or(part);
    let uid = bare.rsplit_once("pod").filter(|(front, _)| front.is_empty() || front.ends_with('-'))?.1;
    let uid = uid.replace('_', "-");
    (uid.len() == 36).then_some(uid)
}

/// Names and images from the files that the runtimes keep; no socket, no client.
pub struct Runtimes {
    root: PathBuf,
    known: HashMap<String, Container>,
}

/// Larger files are not what a runtime writes.
const FILE_MAX: u64 = 4 << 20;
const KNOWN_MAX: usize = 4096;

impl Runtimes {
    /// Reads below `root` (`/` in production).
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), known: HashMap::new() }
    }

    /// The container with name, image and pod filled in as far as the files tell.
    pub fn complete(&mut self, container: &Container) -> Container {
        if let Some(known) = self.known.get(&container.id) {
            return known.clone();
        }
        let mut full = container.clone();
        match container.runtime.as_str() {
            "docker" => self.docker(&mut full),
            "containerd" => self.containerd(&mut full),
            "cri-o" | "podman" => self.storage(&mut full),
            "lxc" | "nspawn" => full.name = Some(full.id.clone()),
            _ => {}
        }
        if full.name.is_some() || full.image.is_some() {
            if self.known.len() >= KNOWN_MAX {
                self.known.clear();
            }
            self.known.insert(full.id.clone(), full.clone());
        }
        full
    }

    fn docker(&self, full: &mut Container) {
        let Some(file) = self.read::<DockerFile>(&format!("var/lib/docker/containers/{}/config.v2.json", full.id))
        else {
            return;
        };
        full.name = Some(file.name.trim_start_matches('/').to_owned()).filter(|name| !name.is_empty());
        full.image = file.config.image;
        let label = |key: &str| file.config.labels.get(key).cloned();
        full.pod = pod(label("io.kubernetes.pod.namespace"), label("io.kubernetes.pod.name")).or(full.pod.take());
    }

    fn containerd(&self, full: &mut Container) {
        let tasks = self.root.join("run/containerd/io.containerd.runtime.v2.task");
        let Ok(namespaces) = std::fs::read_dir(&tasks) else { return };
        for namespace in namespaces.flatten() {
            let path = namespace.path().join(&full.id).join("config.json");
            let Some(spec) = read_file::<OciSpec>(&path) else { continue };
            let note = |key: &str| spec.annotations.get(key).cloned();
            full.name = note("io.kubernetes.cri.container-name").or_else(|| note("nerdctl/name"));
            full.image = note("io.kubernetes.cri.image-name");
            full.pod = pod(note("io.kubernetes.cri.sandbox-namespace"), note("io.kubernetes.cri.sandbox-name"))
                .or(full.pod.take());
            return;
        }
    }

    fn storage(&self, full: &mut Container) {
        for base in ["var/run", "run", "var/lib"] {
            let path = format!("{base}/containers/storage/overlay-containers/{}/userdata/config.json", full.id);
            let Some(spec) = self.read::<OciSpec>(&path) else { continue };
            let note = |key: &str| spec.annotations.get(key).cloned();
            full.name = note("io.kubernetes.container.name").or_else(|| note("io.podman.annotations.name"));
            full.image = note("io.kubernetes.cri-o.ImageName").or_else(|| note("io.container.image.name"));
            full.pod = pod(note("io.kubernetes.pod.namespace"), note("io.kubernetes.pod.name")).or(full.pod.take());
            break;
        }
        if full.name.is_none() {
            self.storage_list(full);
        }
    }

    /// `containers.json` of containers-storage: name and image of every container.
    fn storage_list(&self, full: &mut Container) {
        let list: Vec<StoredContainer> =
            self.read("var/lib/containers/storage/overlay-containers/containers.json").unwrap_or_default();
        let Some(stored) = list.into_iter().find(|stored| stored.id == full.id) else { return };
        full.name = stored.names.into_iter().next();
        let metadata: StoredMetadata = serde_json::from_str(&stored.metadata).unwrap_or_default();
        full.image = full.image.take().or(metadata.image_name);
    }

    fn read<T: for<'de> Deserialize<'de>>(&self, path: &str) -> Option<T> {
        read_file(&self.root.join(path))
    }
}

fn read_file<T: for<'de> Deserialize<'de>>(path: &Path) -> Option<T> {
    let mut text = String::new();
    File::open(path).ok()?.take(FILE_MAX).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn pod(namespace: Option<String>, name: Option<String>) -> Option<String> {
    let name = name?;
    Some(namespace.map_or(name.clone(), |namespace| format!("{namespace}/{name}")))
}

#[derive(Deserialize)]
struct DockerFile {
    #[serde(rename = "Name", default)]
    name: String,
    #[serde(rename = "Config", default)]
    config: DockerConfig,
}

#[derive(Default, Deserialize)]
struct DockerConfig {
    #[serde(rename = "Image")]
    image: Option<String>,
    #[serde(rename = "Labels", default, deserialize_with = "or_default")]
    labels: HashMap<String, String>,
}

#[derive(Deserialize)]
struct OciSpec {
    #[serde(default, deserialize_with = "or_default")]
    annotations: HashMap<String, String>,
}

#[derive(Deserialize)]
struct StoredContainer {
    #[serde(default)]
    id: String,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    metadata: String,
}

#[derive(Default, Deserialize)]
struct StoredMetadata {
    #[serde(rename = "image-name")]
    image_name: Option<String>,
}

/// `null` means none.
fn or_default<'de, D: serde::Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const UID: &str = "11111111-2222-3333-4444-555555555555";

    fn check(path: &str, runtime: &str, id: &str, pod: Option<&str>) {
        let container = place(path).container.unwrap_or_else(|| panic!("no container in {path}"));
        assert_eq!((container.runtime.as_str(), container.id.as_str(), container.pod.as_deref()), (runtime, id, pod));
    }

    #[test]
    fn every_runtime_is_told_by_its_cgroup() {
        check(&format!("/system.slice/docker-{ID}.scope"), "docker", ID, None);
        check(&format!("/docker/{ID}"), "docker", ID, None);
        check(&format!("/docker/{ID}/init.scope"), "docker", ID, None);
        check(&format!("/machine.slice/libpod-{ID}.scope/container"), "podman", ID, None);
        let slice = format!("/kubepods.slice/kubepods-burstable-pod{}.slice", UID.replace('-', "_"));
        check(&format!("{slice}/cri-containerd-{ID}.scope"), "containerd", ID, Some(UID));
        check(&format!("{slice}/crio-{ID}.scope"), "cri-o", ID, Some(UID));
        check(&format!("/kubepods/besteffort/pod{UID}/{ID}"), "containerd", ID, Some(UID));
        check("/lxc.payload.web/system.slice/nginx.service", "lxc", "web", None);
        assert_eq!(place("/system.slice/nginx.service").unit.as_deref(), Some("nginx.service"));
        assert_eq!(place("/user.slice/user-0.slice/session-1.scope").container, None);
        assert_eq!(place("/docker-short.scope").container, None);
    }

    #[test]
    fn names_come_from_the_runtimes_own_files() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: String, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(
            format!("var/lib/docker/containers/{ID}/config.v2.json"),
            r#"{"Name":"/web","Config":{"Image":"shop:1.2","Labels":null},"Other":[1]}"#,
        );
        write(
            format!("run/containerd/io.containerd.runtime.v2.task/k8s.io/{ID}/config.json"),
            r#"{"annotations":{"io.kubernetes.cri.container-name":"api","io.kubernetes.cri.image-name":"api:3","io.kubernetes.cri.sandbox-name":"api-1","io.kubernetes.cri.sandbox-namespace":"prod"}}"#,
        );
        write(
            "var/lib/containers/storage/overlay-containers/containers.json".into(),
            &format!(r#"[{{"id":"{ID}","names":["db"],"metadata":"{{\"image-name\":\"pg:16\"}}"}}]"#),
        );
        let complete = |runtime: &str| {
            let bare = Container { id: ID.into(), runtime: runtime.into(), ..Container::default() };
            Runtimes::new(root.path()).complete(&bare)
        };
        assert_eq!(complete("docker").name.as_deref(), Some("web"));
        assert_eq!(complete("docker").image.as_deref(), Some("shop:1.2"));
        assert_eq!(complete("containerd").pod.as_deref(), Some("prod/api-1"));
        assert_eq!(
            (complete("podman").name.as_deref(), complete("podman").image.as_deref()),
            (Some("db"), Some("pg:16"))
        );
        write(format!("var/lib/docker/containers/{ID}/config.v2.json"), "{\"Name\": 7");
        assert_eq!(complete("docker").name, None);
    }
}
