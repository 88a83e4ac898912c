//! How sure is a difference that was measured in pairs?

/// The middle of the values.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// Bounds between which the true median lies with at least 95 % confidence, whatever the distribution: the order
/// statistics that the binomial distribution leaves.
pub fn median_bounds(values: &[f64]) -> (f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len();
    let mut tail = 0.0;
    let mut probability = 0.5_f64.powi(i32::try_from(count).unwrap_or(i32::MAX));
    let mut cut = 0;
    for below in 0..count / 2 {
        tail += probability;
        if tail > 0.025 {
            break;
        }
        cut = below + 1;
        probability *= (count - below) as f64 / (below + 1) as f64;
    }
    match cut {
        0 => (f64::NEG_INFINITY, f64::INFINITY),
        cut => (sorted[cut - 1], sorted[count - cut]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_values_leave_out_five_on_each_side() {
        let values: Vec<f64> = (1..=20).rev().map(f64::from).collect();
        assert_eq!(median_bounds(&values), (6.0, 15.0));
        assert!((median(&values) - 10.5).abs() < 1e-9);
        assert_eq!(median_bounds(&values[..4]), (f64::NEG_INFINITY, f64::INFINITY));
    }
}
