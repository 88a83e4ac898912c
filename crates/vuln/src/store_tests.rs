//! Is a copy that is not what was written kept out of every image?

use std::sync::Arc;

use super::*;
use crate::image::{Database, open_latest};
use crate::import::{ImportContext, ImportOptions, import};

const NOW: Timestamp = Timestamp(7_000_000);

fn context(folder: &Path) -> ImportContext {
    ImportContext { data_dir: folder.join("data"), now: NOW }
}

/// A data folder with one source, its copy and the image of it.
fn imported(folder: &Path) -> (PathBuf, Vec<u8>) {
    let file = folder.join("kev.json");
    fs::write(&file, include_bytes!("../fixtures/advisory/kev/good.in")).unwrap();
    import(&[file], &ImportOptions::default(), &context(folder), &mut |_, _| {}).unwrap();
    let (_, image) = image_files(&folder.join("data")).remove(0);
    (folder.join("data/vuln/kev.jsonl"), fs::read(image).unwrap())
}

/// Fails when a bit that turned in a source's copy, or a cut, gets into an image, or when the copy is taken away.
#[test]
fn d8_a_copy_that_is_not_what_was_written_makes_no_image() {
    let flips: usize = std::env::var("TRIPOINT_FLIPS").map_or(300, |flips| flips.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let (path, image) = imported(folder.path());
    let whole = fs::read(&path).unwrap();
    let store = Store::open(&folder.path().join("data")).unwrap();
    assert!(store.image(&[], NOW).unwrap() == image, "the same copy makes the same image");
    let turned = |flip: usize| {
        let bit = flip.wrapping_mul(2_654_435_761) % (whole.len() * 8);
        let mut turned = whole.clone();
        turned[bit / 8] ^= 1 << (bit % 8);
        turned
    };
    let cuts = (0..100).map(|percent| whole[..whole.len() * percent / 100].to_vec());
    for (round, bytes) in (0..flips).map(turned).chain(cuts).chain([whole[..whole.len() - 1].to_vec()]).enumerate() {
        fs::write(&path, &bytes).unwrap();
        let error = store.image(&[], NOW).unwrap_err().to_string();
        assert!(error.contains("kev.jsonl"), "round {round}: {error}");
        assert!(fs::read(&path).unwrap() == bytes, "round {round}: what is damaged stays");
        let status = status::one(&store.data_dir, "kev");
        assert_eq!(status.state, SourceState::Failed);
    }
    println!("{flips} of {flips} turned bits found, 101 of 101 cuts");
    // The image that there is stays in force; the source comes again, and all is well.
    drop(store);
    assert!(open_latest(&folder.path().join("data")).unwrap().is_some());
    let (_, again) = imported(folder.path());
    let database = Database::open(Arc::new(again)).unwrap();
    assert_eq!(database.packages(), Database::open(Arc::new(image)).unwrap().packages());
    assert_eq!(status::one(&folder.path().join("data"), "kev").alarm, None);
}
