//! Each kernel against its formula in double precision, at sizes that leave remainders everywhere.

use half::bf16;

use super::{
    activation::bias_activation,
    attention::attend_heads,
    isa::Kernels,
    math::{exp, swish},
    matmul::{Pair, few_rows_linear, many_rows_linear},
    *,
};

/// Values in -1..1 that repeat only after a long time.
pub(crate) fn values(n: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..n).map(|_| next()).collect()
}

#[track_caller]
fn assert_close(found: &[f32], wanted: &[f64]) {
    assert_within(5e-5, found, wanted);
}

#[track_caller]
fn assert_within(tolerance: f64, found: &[f32], wanted: &[f64]) {
    assert_eq!(found.len(), wanted.len());
    for (i, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        let difference = (f64::from(*found) - wanted).abs();
        assert!(difference < tolerance * wanted.abs().max(1.0), "{i}: {found}, wanted {wanted}");
    }
}

/// Values that bf16 has, both as such and as `f32`.
fn bf16_values(n: usize, seed: u32) -> (Vec<bf16>, Vec<f32>) {
    values(n, seed).into_iter().map(|x| (bf16::from_f32(x), bf16::from_f32(x).to_f32())).unzip()
}

fn dot(a: impl IntoIterator<Item = f32>, b: impl IntoIterator<Item = f32>) -> f64 {
    a.into_iter().zip(b).map(|(a, b)| f64::from(a) * f64::from(b)).sum()
}

fn softmax(scores: &[f64]) -> Vec<f64> {
    let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = scores.iter().map(|s| (s - max).exp()).sum();
    scores.iter().map(|s| (s - max).exp() / sum).collect()
}

#[test]
fn products() {
    for (rows, input, output) in [
        (1, 1, 1),
        (1, 67, 33),
        (2, 16, 5),
        (5, 100, 41),
        (8, 33, 7),
        (9, 64, 3000),
        (32, 5, 9),
        (33, 70, 141),
        (13, 1100, 70),
    ] {
        let (x, w) = (values(rows * input, 1), values(output * input, 2));
        let product =
            |r: usize, o: usize| dot(x[r * input..(r + 1) * input].to_vec(), w[o * input..(o + 1) * input].to_vec());
        let wanted: Vec<f64> =
            (0..rows).flat_map(|r| (0..output).map(move |o| (r, o))).map(|(r, o)| product(r, o)).collect();
        let mut y = vec![0.0; wanted.len()];
        few_rows_linear(&x, &w, input, &mut y);
        assert_close(&y, &wanted);
        assert_close(&many_rows_linear(&x, &w, input, None, None), &wanted);
        let bias = values(output, 3);
        let wanted: Vec<f64> =
            wanted.iter().enumerate().map(|(i, y)| (y + f64::from(bias[i % output])).max(0.0)).collect();
        linear(&x, &w, input, Some(&bias), Some(Activation::Relu), &mut y);
        assert_close(&y, &wanted);
    }
}

#[test]
fn nan_stays_nan() {
    for (rows, activation) in
        [1, 9, 40].into_iter().flat_map(|rows| [Activation::Relu, Activation::Swish].map(|a| (rows, a)))
    {
        let (mut x, w, bias) = (values(rows * 67, 1), values(33 * 67, 2), values(33, 3));
        x[66] = f32::NAN;
        let mut y = Vec::new();
        linear(&x, &w, 67, Some(&bias), Some(activation), &mut y);
        assert!(
            y[..33].iter().all(|y| y.is_nan()) && y[33..].iter().all(|y| y.is_finite()),
            "{activation:?}, {rows} rows"
        );
    }
    assert!(exp(f32::NAN).is_nan() && swish(f32::NAN).is_nan());
    assert!(glu(&[1.0, f32::NAN], 2)[0].is_nan());
    // Rounded to bf16, where the processor multiplies it.
    let mut x = vec![1.0; 40 * 70];
    x[3] = f32::NAN;
    let y = many_rows_linear(&x, &vec![bf16::ONE; 5 * 70], 70, None, None);
    assert!(y[..5].iter().all(|y| y.is_nan()) && y[5..].iter().all(|y| *y == 70.0));
    let norm = Norm { gamma: &[1.0; 4], beta: &[0.0; 4], epsilon: 1e-5, activation: Some(Activation::Relu) };
    let normed = norm.of(&[1.0, f32::NAN, 2.0, 3.0]);
    assert!(normed.iter().all(|y| y.is_nan()));
}

#[test]
fn products_of_bf16() {
    for (rows, input, output) in [(1, 67, 33), (5, 100, 41), (9, 64, 3000), (40, 5, 9), (13, 1100, 70)] {
        let (x, (w_bf16, w)) = (values(rows * input, 1), bf16_values(output * input, 2));
        let wanted = |x: &[f32]| -> Vec<f64> {
            let row = |of: &[f32], number: usize| of[number * input..(number + 1) * input].to_vec();
            (0..rows * output).map(|i| dot(row(x, i / output), row(&w, i % output))).collect()
        };
        let mut y = vec![f32::NAN; rows * output];
        few_rows_linear(&x, &w_bf16, input, &mut y);
        assert_close(&y, &wanted(&x));
        // Many rows are rounded where the processor multiplies bf16.
        let rounded =
            if Kernels::current().bf16_pairs().is_some() { bf16_values(rows * input, 1).1 } else { x.clone() };
        assert_close(&many_rows_linear(&x, &w_bf16, input, None, None), &wanted(&rounded));
    }
}

#[test]
fn bias_and_activation() {
    let (rows, width) = (37, 53);
    let (y, bias) = (values(rows * width, 3), values(width, 4));
    let apply = |activation: Option<Activation>, x: f64| match activation {
        None => x,
        Some(Activation::Relu) => x.max(0.0),
        Some(Activation::Swish) => x / (1.0 + (-x).exp()),
    };
    for activation in [None, Some(Activation::Relu), Some(Activation::Swish)] {
        let with_bias = |i: usize| apply(activation, f64::from(y[i]) + f64::from(bias[i % width]));
        let wanted: Vec<f64> = (0..rows * width).map(with_bias).collect();
        let mut found = y.clone();
        bias_activation(&mut found, Some(&bias), width, activation);
        assert_close(&found, &wanted);
    }
}

#[test]
fn gate() {
    let x = values(2 * 3 * 19, 5);
    let row =
        |x: &[f32]| -> Vec<f64> { (0..19).map(|i| f64::from(x[i]) / (1.0 + (-f64::from(x[19 + i])).exp())).collect() };
    let wanted: Vec<f64> = x.chunks(38).flat_map(row).collect();
    assert_close(&glu(&x, 38), &wanted);
}

#[test]
fn depthwise() {
    // Tiles of rows and single ones, whole blocks of channels and parts, windows that begin before the clip.
    for [batch, time, channels, kernel] in
        [[2, 9, 21, 5], [1, 1, 32, 31], [3, 41, 96, 31], [2, 70, 68, 7], [1, 30, 3, 1]]
    {
        let (x, w) = (values(batch * time * channels, 6), values(channels * kernel, 7));
        let mut wanted = Vec::new();
        for (b, t, c) in (0..batch).flat_map(|b| (0..time).flat_map(move |t| (0..channels).map(move |c| (b, t, c)))) {
            let past = (0..kernel).filter(|i| t + i + 1 >= kernel);
            let product =
                |i: usize| f64::from(w[c * kernel + i]) * f64::from(x[(b * time + t + i + 1 - kernel) * channels + c]);
            wanted.push(past.map(product).sum());
        }
        let mut y = vec![f32::NAN; x.len()];
        causal_depthwise(&x, &w, time, channels, &mut y);
        assert_close(&y, &wanted);
    }
}

#[test]
fn encoder_attention() {
    let (batch, time, heads, head, left, right) = (2, 45, 3, 10, 7, 2);
    let hidden = heads * head;
    let [q, k, v] = [8, 9, 10].map(|seed| bf16_values(batch * time * hidden, seed).1);
    let (_, embedding) = bf16_values((left + right + 1) * head, 11);
    // The last queries of the second item see no key at all.
    let lengths = [time, 20];
    let window = |query: usize| if query < 30 { 0..time } else { 25..time };
    let attention = RelativeAttention { heads, left, lengths: &lengths, window: &window, bf16: false };
    for embedding in [None, Some(&embedding[..])] {
        let mut wanted = vec![0.0; q.len()];
        for (item, number, i) in
            (0..batch).flat_map(|b| (0..heads).flat_map(move |h| (0..time).map(move |i| (b, h, i))))
        {
            let at =
                |t: usize| (item * time + t) * hidden + number * head..(item * time + t) * hidden + (number + 1) * head;
            let score = |j: usize| {
                let content = dot(q[at(i)].to_vec(), k[at(j)].to_vec());
                let distance = (j + left).saturating_sub(i).min(left + right);
                let relative = embedding
                    .map_or(0.0, |e| dot(q[at(i)].to_vec(), e[distance * head..(distance + 1) * head].to_vec()));
                (content + relative) / (head as f64).sqrt()
            };
            let keys = window(i).start..window(i).end.min(lengths[item]);
            let (keys, weights): (Vec<usize>, Vec<f64>) = if keys.is_empty() {
                ((0..time).collect(), vec![1.0 / time as f64; time])
            } else {
                (keys.clone().collect(), softmax(&keys.map(score).collect::<Vec<_>>()))
            };
            for (j, weight) in keys.into_iter().zip(weights) {
                for (y, v) in wanted[at(i)].iter_mut().zip(&v[at(j)]) {
                    *y += weight * f64::from(*v);
                }
            }
        }
        let (input, shape) = ([&q[..], &k, &v], [batch, time, hidden]);
        let mut y = vec![f32::NAN; q.len()];
        attend_heads::<f32>(input, embedding, shape, &attention, &mut y);
        assert_close(&y, &wanted);
        y.fill(f32::NAN);
        // The weights are rounded, to 8 bits.
        attend_heads::<Pair>(input, embedding, shape, &attention, &mut y);
        assert_within(4e-3, &y, &wanted);
        y.fill(f32::NAN);
        relative_attention(input, embedding, shape, &attention, &mut y);
        assert_close(&y, &wanted);
    }
}

/// With many threads the queries of a head are several tasks.
#[test]
fn encoder_attention_in_parts() {
    let (batch, time, left, right) = (2, 203, 7, 2);
    let attend = |threads: usize, heads: usize, head: usize, bf16: bool| {
        let [q, k, v] = [8, 9, 10].map(|seed| values(batch * time * heads * head, seed));
        let distances = values((left + right + 1) * head, 11);
        let window = |_| 0..time;
        let attention = RelativeAttention { heads, left, lengths: &[time, 150], window: &window, bf16 };
        let mut y = vec![f32::NAN; q.len()];
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let shape = [batch, time, heads * head];
        pool.install(|| relative_attention([&q, &k, &v], Some(&distances), shape, &attention, &mut y));
        y
    };
    for (heads, head, bf16) in [(1, 10, false), (3, 11, false), (2, 64, true)] {
        assert_eq!(attend(9, heads, head, bf16), attend(1, heads, head, bf16), "{heads} heads");
    }
}

#[test]
fn decoder_attention() {
    decoder_attention_of(3, 11, &[vec![4, 0, 9, 2, 5], vec![1, 7, 3]]);
    // Heads of several blocks, tasks of a head each, and more rows than are asked for ahead.
    decoder_attention_of(4, 150, &[(0..25).rev().collect(), (3..17).collect()]);
}

fn decoder_attention_of(heads: usize, head: usize, rows: &[Vec<u32>; 2]) {
    let (time, hidden) = (2, heads * head);
    let index = KeyRows { rows: rows.to_vec(), causal: true };
    let (q, k, v) = (values(2 * time * hidden, 12), values(25 * hidden, 13), values(25 * hidden, 14));
    let mut wanted = vec![0.0; q.len()];
    for (row, number) in (0..2 * time).flat_map(|row| (0..heads).map(move |h| (row, h))) {
        let at = |row: usize| row * hidden + number * head..row * hidden + (number + 1) * head;
        let rows = &index.rows[row / time];
        let rows = &rows[..rows.len() - (time - 1 - row % time)];
        let scores: Vec<f64> =
            rows.iter().map(|&r| dot(q[at(row)].to_vec(), k[at(r as usize)].to_vec()) / (head as f64).sqrt()).collect();
        for (&r, weight) in rows.iter().zip(softmax(&scores)) {
            for (y, v) in wanted[at(row)].iter_mut().zip(&v[at(r as usize)]) {
                *y += weight * f64::from(*v);
            }
        }
    }
    let (keys, values) = (&k[..], &v[..]);
    let whole = Attended { keys, values, index: &index, time };
    assert_close(&attend(&q, &[whole], hidden, heads), &wanted);

    // Each row in a group of its own, the second one with one query.
    let [first, second] = [0, 1].map(|row| KeyRows { rows: vec![index.rows[row].clone()], causal: true });
    let groups = [Attended { keys, values, index: &first, time }, Attended { keys, values, index: &second, time: 1 }];
    let queries = [&q[..time * hidden], &q[(2 * time - 1) * hidden..]].concat();
    let all = wanted.clone();
    let wanted = [&wanted[..time * hidden], &wanted[(2 * time - 1) * hidden..]].concat();
    assert_close(&attend(&queries, &groups, hidden, heads), &wanted);

    // Keys and values of half the size give what their rounded values give.
    let [keys, values] = [&k, &v].map(|x| x.iter().map(|&x| bf16::from_f32(x)).collect::<Vec<_>>());
    let [k, v] = [&keys, &values].map(|x| x.iter().map(|x| x.to_f32()).collect::<Vec<_>>());
    let half = attend(&q, &[Attended { keys: &keys[..], values: &values, index: &index, time }], hidden, heads);
    assert_eq!(half, attend(&q, &[Attended { keys: &k[..], values: &v, index: &index, time }], hidden, heads));
    assert_within(2e-2, &half, &all);
}
