// Subtitles of a long recording from a running service: read by parsers that are not ours, and played in Chromium.
//
//   npm ci && BASE_URL=http://127.0.0.1:8000 node --test
//
// The service has to run with the demo model; CHROMIUM is the browser (/usr/bin/chromium).

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { parseSync } from 'subtitle';
import webvtt from 'webvtt-parser';

const BASE = new URL(process.env.BASE_URL ?? 'http://127.0.0.1:8000').origin;
const CLIPS = ['bengali-1.wav', 'english-1.wav', 'hindi-1.wav', 'tamil-1.wav', 'telugu-1.wav'];
const clip = name => readFileSync(fileURLToPath(new URL(`../../examples/audio/${name}`, import.meta.url)));
const RATE = 16_000;

// The clips three times over, with two seconds of silence before each, as WAV; and where each of them is, in seconds.
const pause = Buffer.alloc(2 * 2 * RATE);
const parts = Array(3).fill(CLIPS).flat().map(clip).flatMap(wav => [pause, wav.subarray(44)]);
const head = Buffer.from(clip(CLIPS[0]).subarray(0, 44));
const length = parts.reduce((sum, part) => sum + part.length, 0);
head.writeUInt32LE(36 + length, 4);
head.writeUInt32LE(length, 40);
const recording = Buffer.concat([head, ...parts]);
const places = parts.map((part, i) => {
  const start = parts.slice(0, i).reduce((sum, part) => sum + part.length, 0) / 2 / RATE;
  return { start, end: start + part.length / 2 / RATE };
}).filter((_, i) => i % 2);

async function ask(format) {
  const url = `${BASE}/speech-to-text?target_lang=hin&format=${format}`;
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'audio/wav' }, body: recording });
  assert.equal(answer.status, 200);
  return { type: answer.headers.get('content-type'), text: await answer.text() };
}

// Every clip has a cue, at its time; cues come one after the other.
function check(cues) {
  assert.equal(cues.length, places.length);
  cues.forEach((cue, i) => {
    assert.ok(Math.abs(cue.start - places[i].start) < 0.3, `cue ${i} at ${cue.start}, the clip at ${places[i].start}`);
    assert.ok(cue.end - cue.start <= 7 && cue.end > cue.start && cue.end <= (cues[i + 1]?.start ?? Infinity), `cue ${i} ends at ${cue.end}`);
    assert.ok(cue.text.trim());
  });
}

test('SubRip', async () => {
  const { type, text } = await ask('srt');
  assert.match(type, /^application\/x-subrip/);
  const nodes = parseSync(text);
  assert.ok(nodes.every(node => node.type === 'cue'));
  check(nodes.map(({ data }) => ({ start: data.start / 1000, end: data.end / 1000, text: data.text })));
});

test('WebVTT', async () => {
  const { type, text } = await ask('vtt');
  assert.match(type, /^text\/vtt/);
  const { cues, errors } = new webvtt.WebVTTParser().parse(text, 'subtitles');
  assert.deepEqual(errors, []);
  check(cues.map(({ startTime, endTime, text }) => ({ start: startTime, end: endTime, text })));
});

test('a browser plays the subtitles over the recording', { timeout: 60_000 }, async t => {
  const { text } = await ask('vtt');
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--autoplay-policy=no-user-gesture-required'],
  });
  t.after(() => browser.close());
  const page = await browser.newPage();
  await page.goto(`${BASE}/health`);
  const shown = await page.evaluate(async ({ wav, vtt, times }) => {
    const bytes = Uint8Array.from(atob(wav), c => c.charCodeAt(0));
    const video = document.createElement('video');
    video.src = URL.createObjectURL(new Blob([bytes], { type: 'audio/wav' }));
    const track = document.createElement('track');
    Object.assign(track, { kind: 'subtitles', srclang: 'hi', default: true });
    track.src = URL.createObjectURL(new Blob([vtt], { type: 'text/vtt' }));
    const loaded = new Promise((done, failed) => Object.assign(track, { onload: done, onerror: failed }));
    video.append(track);
    document.body.append(video);
    await loaded;
    const active = () => [...track.track.activeCues].map(cue => cue.text);
    const at = async time => {
      const there = new Promise(done => video.onseeked = done);
      video.currentTime = time;
      await there;
      return active();
    };
    const shown = [];
    for (const time of times) shown.push(await at(time));
    // And while it plays: the cue comes by itself.
    await at(times[0] - 1);
    const comes = new Promise(done => track.track.oncuechange = () => track.track.activeCues.length && done(active()));
    await video.play();
    shown.push(await comes);
    return { shown, count: track.track.cues.length };
  }, { wav: recording.toString('base64'), vtt: text, times: places.map(({ start, end }) => (start + end) / 2) });
  assert.equal(shown.count, places.length);
  const wanted = ['कल बारिश', 'कृपया बत्ती जलाओ', 'कृपया आज का मौसम', 'कृपया दरवाज़ा खोलो', 'धन्यवाद शुभ रात्रि'];
  places.forEach((_, i) => assert.deepEqual(shown.shown[i], [wanted[i % wanted.length]]));
  assert.deepEqual(shown.shown.at(-1), [wanted[0]]);
});
