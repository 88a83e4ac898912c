//! Does time do to alerts what people promised, and forget what is over?

use super::*;

#[tokio::test]
async fn what_is_promised_anew_is_due_anew() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteConnectOptions::new().filename(folder.path().join("q.sqlite")).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    migrate(&mut connection).await.unwrap();
    for number in 0..3 {
        let mut alert = alert(number);
        alert.work.clock = None;
        crate::store::rows::save(&mut connection, &mut alert, NOW).await.unwrap();
    }
    let readers = SqlitePoolOptions::new().connect_with(options).await.unwrap();
    let due = async || {
        let page = page(&readers, (&Filter::everything(), &None), Sort::Due, None, None).await.unwrap().unwrap();
        page.rows.into_iter().map(|line| (line.id.0, line.due)).collect::<Vec<_>>()
    };
    assert!(due().await.iter().all(|(_, due)| due.is_none()));
    sla::promise(&mut connection, &levels()).await.unwrap();
    let hours = |hours: u64| Some(NOW.plus(std::time::Duration::from_secs(3600 * hours)));
    // The first is low and open; the second is closed; somebody works on the third, which is critical.
    let id = |number: u64| format!("{number:016x}");
    assert_eq!(due().await, [(id(2), hours(14)), (id(0), hours(20)), (id(1), None)]);
    let late = hours(15).unwrap();
    assert_eq!(
        found(&readers, &filter::parse("overdue>30m", ALERT_FIELDS, late).unwrap(), Sort::Due, 9).await,
        [id(2)]
    );
    assert_eq!(sla::count(&mut connection, late).await.unwrap(), 1);
    sla::promise(&mut connection, &ServiceLevels::default()).await.unwrap();
    assert!(due().await.iter().all(|(_, due)| due.is_none()));
}

#[tokio::test]
async fn only_what_was_closed_long_ago_is_forgotten_and_wholes_before_their_parts() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteConnectOptions::new().filename(folder.path().join("q.sqlite")).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    migrate(&mut connection).await.unwrap();
    // 1, 4 and 7 are closed, 7 is part of 4; 10 is closed, and part of 0, which is not.
    for (number, whole) in [(0, None), (1, None), (2, None), (4, None), (7, Some(4_u64)), (10, Some(0))] {
        let mut alert = alert(number);
        alert.work.merged_into = whole.map(|whole| tripoint_model::AlertId(format!("{whole:016x}")));
        crate::store::rows::save(&mut connection, &mut alert, NOW).await.unwrap();
    }
    let left = async |connection: &mut sqlx::SqliteConnection| -> Vec<String> {
        let rows = "SELECT CAST(COUNT(*) AS TEXT) FROM (SELECT id FROM alerts UNION ALL SELECT id FROM queue UNION ALL SELECT id \
                    FROM queue_lines) UNION ALL SELECT SUBSTR(id, 16) FROM alerts";
        sqlx::query_scalar(rows).fetch_all(connection).await.unwrap()
    };
    assert_eq!(crate::store::retire::forget(&mut connection, NOW).await.unwrap(), 0, "not old yet");
    let later = NOW.plus(std::time::Duration::from_secs(1));
    assert_eq!(crate::store::retire::forget(&mut connection, later).await.unwrap(), 2);
    assert_eq!(left(&mut connection).await, ["12", "0", "2", "7", "a"]);
    assert_eq!(crate::store::retire::forget(&mut connection, later).await.unwrap(), 1);
    assert_eq!(crate::store::retire::forget(&mut connection, later).await.unwrap(), 0);
    assert_eq!(left(&mut connection).await, ["9", "0", "2", "a"]);
    assert_eq!(crate::store::retire::forgotten(&mut connection).await.unwrap(), 3);
    let terms: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM queue_terms WHERE id NOT IN (SELECT id FROM alerts)")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(terms, 0);
}
