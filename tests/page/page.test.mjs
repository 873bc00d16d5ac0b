// The web page and the documentation page of a running service, in Chromium.
//
//   npm ci && BASE_URL=http://127.0.0.1:8000 node --test
//
// The service has to run with the demo model. CHROMIUM is the browser (/usr/bin/chromium); with SCREENSHOT=FILE.png the
// picture for the documentation is written there.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { answers, BASE, clip, HINDI, sideways, spoken, texts, visit } from './support.mjs';

const TAMIL = 'தயவுசெய்து இன்றைய வானிலை';

// Events in pieces that end inside a character and between the two ends of line; after each what it waits for.
const streams = (...pieces) => async (request, response) => {
  await request.toArray();
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const [text, gate] of pieces) {
    const bytes = Buffer.from(text), inside = bytes.findIndex(byte => byte > 127) + 1;
    for (const [from, to] of [[0, inside], [inside, bytes.length - 1], [bytes.length - 1]]) {
      response.write(bytes.subarray(from, to));
      await setTimeout(20);
    }
    await gate;
  }
  response.end();
};
const event = (type, data) => `: alive\n\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
const done = segments => event('done', { transcription: segments.map(s => s.text).join(' '), segments });

async function send(page, file, language) {
  await page.getByLabel('Choose a file').setInputFiles(file);
  if (language) await page.getByLabel('Language of the text').selectOption(language);
  await page.getByRole('button', { name: 'Transcribe' }).click();
}
async function shows(page, wanted) {
  await texts(page).first().waitFor();
  await page.getByText(/^Done in/).waitFor();
  assert.deepEqual(await texts(page).allTextContents(), wanted);
}

visit('a browser gets the page with a strict policy, others get JSON', {}, async (page, origin) => {
  const html = await fetch(origin, { headers: { accept: 'text/html,*/*;q=0.8' } });
  assert.match(html.headers.get('content-security-policy'), /default-src '(self|none)'/);
  assert.doesNotMatch(html.headers.get('content-security-policy'), /unsafe/);
  assert.match(html.headers.get('content-type'), /^text\/html; *charset=utf-8/i);
  assert.equal((await (await fetch(origin)).json()).health, '/health');

  const { languages } = await (await fetch(`${origin}/supported-languages`)).json();
  await page.locator('#language:enabled').waitFor();
  const codes = await page.locator('#language option').evaluateAll(options => options.map(option => option.value));
  assert.deepEqual(codes.sort(), Object.keys(languages).sort());
  assert.equal(await page.locator('#language').inputValue(), 'eng');
  assert.match(await page.locator('#limits').textContent(), /^Up to \d/);
  const { formats } = await (await fetch(`${BASE}/limits`)).json();
  assert.equal(await page.locator('#file').getAttribute('accept'), ['audio/*', 'video/*', ...formats.map(name => `.${name}`)].join());
  assert.ok(await page.getByRole('button', { name: 'Transcribe' }).isDisabled());
});

visit('a recording becomes text, and a translation; the language is remembered', {}, async page => {
  await send(page, clip('hindi-1.wav'), { label: 'Hindi – हिन्दी' });
  await shows(page, [HINDI]);
  assert.equal(await texts(page).getAttribute('lang'), 'hi');
  await page.getByLabel('Language of the text').selectOption('tam');
  await page.getByRole('button', { name: 'Transcribe' }).click();
  await shows(page, [TAMIL]);
  await page.reload();
  await page.locator('#language:enabled').waitFor();
  assert.equal(await page.locator('#language').inputValue(), 'tam');
});

visit('a file can be dropped', {}, async page => {
  await page.locator('#language:enabled').waitFor();
  const data = readFileSync(clip('hindi-2.flac')).toString('base64');
  const dropped = await page.evaluateHandle(base64 => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([Uint8Array.from(atob(base64), c => c.charCodeAt(0))], 'hindi-2.flac', { type: 'audio/flac' }));
    return transfer;
  }, data);
  await page.dispatchEvent('body', 'dragover', { dataTransfer: dropped });
  assert.match(await page.locator('#drop').getAttribute('class'), /over/);
  await page.dispatchEvent('body', 'drop', { dataTransfer: dropped });
  assert.equal(await page.locator('#drop').getAttribute('class'), '');
  await page.getByLabel('Language of the text').selectOption('hin');
  await page.getByRole('button', { name: 'Transcribe' }).click();
  await shows(page, ['आठ पाँच दो']);
});

for (const path of ['/prod', '/prod/']) {
  visit(`it works at ${path} behind a gateway that gives whole answers only`, { at: { prefix: '/prod', buffered: true }, path }, async page => {
    await send(page, clip('hindi-1.wav'), 'hin');
    await shows(page, [HINDI]);
    await page.getByRole('link', { name: 'The interface for programs' }).click();
    await page.getByRole('heading', { name: 'Endpoints' }).waitFor();
    await page.getByRole('link', { name: 'Speech to text in the browser' }).click();
    await page.locator('#language:enabled').waitFor();
  });
}

const parts = [{ start: 0, end: 0.5, text: 'नमस्ते <b>&' }, { start: 0.5, end: 1, text: 'दुनिया' }];
let release;
visit('segments are seen as they come', {
  at: { own: { '/speech-to-text': (...both) => streams([event('segment', parts[0]), new Promise(open => { release = open; })], [event('segment', parts[1]) + done(parts)])(...both) } },
}, async page => {
  await send(page, clip('hindi-1.wav'), 'hin');
  await texts(page).first().waitFor();
  assert.deepEqual(await texts(page).allTextContents(), [parts[0].text]);
  assert.ok(await page.getByRole('button', { name: 'Cancel' }).isVisible());
  assert.ok(await page.getByRole('progressbar').evaluate(bar => bar.value > 0.2 && bar.value < 0.8));
  assert.equal(await page.locator('#actions').isVisible(), false);
  release();
  await shows(page, parts.map(part => part.text));
  assert.equal(await page.locator('[aria-live=polite] li').count(), 2);
  // What the browser's own reader of WebVTT makes of it.
  await page.waitForFunction(() => document.querySelector('video').textTracks[0].cues?.length === 2);
  assert.deepEqual(
    await page.evaluate(() => [...document.querySelector('video').textTracks[0].cues].map(cue => [cue.startTime, cue.endTime, cue.getCueAsHTML().textContent])),
    parts.map(part => [part.start, part.end, part.text]),
  );
});

visit('an answer that is JSON after all is taken', { at: { own: { '/speech-to-text': answers(200, { transcription: 'सब कुछ' }) } } }, async page => {
  await send(page, clip('hindi-1.wav'), 'hin');
  await shows(page, ['सब कुछ']);
});

visit('a recording without speech says so', {}, async page => {
  const silence = spoken(['hindi-1.wav'], 1).fill(0, 44);
  await send(page, { name: 'silence.wav', mimeType: 'audio/wav', buffer: silence }, 'hin');
  await page.getByText(/^No speech was found/).or(page.getByRole('alert').getByText(/speech/)).waitFor();
  assert.equal(await page.locator('#actions').isVisible(), false);
});

visit('subtitles are shown while the recording plays', {}, async page => {
  await send(page, { name: 'hindi.wav', mimeType: 'audio/wav', buffer: spoken(['hindi-1.wav'], 0.3) }, 'hin');
  await texts(page).first().waitFor();
  await page.getByText(/^Done in/).waitFor();
  const text = await texts(page).first().textContent();
  await page.getByRole('button', { name: /^Play from 0:0/ }).first().click();
  await page.waitForFunction(wanted => !document.querySelector('video').paused && document.querySelector('#caption').textContent === wanted, text);
  assert.ok(await page.locator('#caption').isVisible());
  assert.equal(await page.locator('#text li[aria-current=true]').count(), 1);
  const track = await page.evaluate(() => ({ ...['kind', 'language', 'mode'].reduce((all, key) => ({ ...all, [key]: document.querySelector('video').textTracks[0][key] }), {}) }));
  assert.deepEqual(track, { kind: 'subtitles', language: 'hi', mode: 'hidden' });
  await page.waitForFunction(() => document.querySelector('video').ended);
});

visit('over a film the browser draws the subtitles', { at: { own: { '/speech-to-text': streams([event('segment', parts[0]) + done(parts)]) } } }, async page => {
  const film = await page.evaluate(() => new Promise(resolve => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 180 });
    const pen = canvas.getContext('2d');
    const recorder = new MediaRecorder(canvas.captureStream(20), { mimeType: 'video/webm;codecs=vp8' });
    const draw = setInterval(() => { pen.fillStyle = `hsl(${performance.now() % 360} 50% 50%)`; pen.fillRect(0, 0, 320, 180); }, 30);
    recorder.ondataavailable = async ({ data }) => {
      clearInterval(draw);
      resolve(btoa(String.fromCharCode(...new Uint8Array(await data.arrayBuffer()))));
    };
    recorder.start();
    setTimeout(() => recorder.stop(), 1000);
  }));
  await send(page, { name: 'film.webm', mimeType: 'video/webm', buffer: Buffer.from(film, 'base64') }, 'hin');
  await shows(page, parts.map(part => part.text));
  assert.equal(await page.evaluate(() => document.querySelector('video').textTracks[0].mode), 'showing');
  assert.equal(await page.locator('#caption').isVisible(), false);
  assert.ok((await page.locator('video').boundingBox()).height > 150);
});

visit('text and subtitles can be taken away', { permissions: ['clipboard-read', 'clipboard-write'] }, async (page, origin) => {
  await send(page, clip('hindi-1.wav'), 'hin');
  await shows(page, [HINDI]);
  const saved = async name => {
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name }).click()]);
    return [download.suggestedFilename(), readFileSync(await download.path(), 'utf8')];
  };
  const [name, srt] = await saved('Subtitles (SRT)');
  assert.equal(name, 'hindi-1.srt');
  const form = new FormData();
  form.append('audio', new Blob([readFileSync(clip('hindi-1.wav'))]), 'hindi-1.wav');
  const response = await fetch(`${origin}/speech-to-text?target_lang=hin&format=srt`, { method: 'POST', body: form });
  assert.equal(srt, await response.text());
  assert.match(srt, new RegExp(`^1\n00:00:0\\d,\\d{3} --> 00:00:0\\d,\\d{3}\n${HINDI}\n\n$`));
  assert.deepEqual(await saved('Text file'), ['hindi-1.txt', `${HINDI}\n`]);
  await page.getByRole('button', { name: 'Copy text' }).click();
  await page.getByText('Copied.').waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), HINDI);
});

visit('what is no recording is refused with the reason', { expected: /415|422/ }, async page => {
  const answer = page.waitForResponse(/speech-to-text/);
  await send(page, { name: 'notes.wav', mimeType: 'audio/wav', buffer: Buffer.from('These are only words.\n'.repeat(100)) }, 'hin');
  const { detail, request_id } = await (await answer).json();
  assert.ok(detail.length > 10 && request_id.length > 5);
  const alert = page.getByRole('alert');
  await alert.getByText(detail).waitFor();
  assert.equal(await alert.locator('code').textContent(), request_id);
  // The next recording clears it.
  await send(page, clip('hindi-1.wav'));
  await shows(page, [HINDI]);
  assert.equal(await alert.isVisible(), false);
});

const small = answers(200, { max_body_bytes: 30_000, max_audio_s: 0.5 });
visit('too much is refused before it is sent', { at: { own: { '/limits': small } } }, async page => {
  let posts = 0;
  page.on('request', request => { posts += request.method() === 'POST'; });
  await page.locator('#language:enabled').waitFor();
  await page.getByLabel('Choose a file').setInputFiles(clip('hindi-1.wav'));
  await page.getByRole('alert').getByText('The file has 40 kB, the service takes 30 kB.').waitFor();
  assert.ok(await page.getByRole('button', { name: 'Transcribe' }).isDisabled());
  await page.getByLabel('Choose a file').setInputFiles(clip('hindi-2.flac'));
  await page.getByRole('alert').getByText(/^It lasts \d\.\d+ s, the service takes 0\.5 s\./).waitFor();
  await page.getByLabel('Choose a file').setInputFiles({ name: 'empty.wav', mimeType: 'audio/wav', buffer: Buffer.alloc(0) });
  await page.getByRole('alert').getByText('The file is empty.').waitFor();
  assert.equal(posts, 0);
});

visit('a busy service and a deadline are explained', {
  expected: /50[34]/,
  at: {
    own: {
      '/speech-to-text': (() => {
        const turns = [
          answers(503, { detail: 'Nine recordings are waiting.', code: 'busy', request_id: 'r-1' }, { 'retry-after': '7' }),
          answers(504, { detail: 'The deadline of 25 s passed.', code: 'deadline', request_id: 'r-2', partial: { transcription: 'नमस्ते', segments: [parts[0]] } }),
          streams([event('segment', parts[0]) + event('error', { detail: 'The deadline of 30 s passed.', code: 'deadline', request_id: 'r-3', partial: { segments: parts } })]),
          streams([event('segment', parts[0])]),
        ];
        return (...both) => turns.shift()(...both);
      })(),
    },
  },
}, async page => {
  const alert = page.getByRole('alert'), again = page.getByRole('button', { name: 'Transcribe' });
  await send(page, clip('hindi-1.wav'), 'hin');
  await alert.getByText('The service is busy').waitFor();
  await alert.getByText('Nine recordings are waiting.').waitFor();
  await alert.getByText('Please try again in 7 s.').waitFor();
  for (const [reason, shown] of [['The deadline of 25 s passed.', 1], ['The deadline of 30 s passed.', 2], ['The connection ended before the text did.', 1]]) {
    await again.click();
    await alert.getByText(reason).waitFor();
    await page.getByText('This is the text so far.').waitFor();
    assert.deepEqual(await texts(page).allTextContents(), parts.slice(0, shown).map(part => part.text));
  }
});

visit('a gateway that wants a key gets it', {
  expected: /403/,
  at: {
    own: {
      '/speech-to-text': (request, response) => (request.headers['x-api-key'] === 'secret'
        ? streams([event('segment', parts[0]) + done(parts)]) : answers(403, { message: 'Forbidden' }, { 'x-amzn-requestid': 'gateway-1' }))(request, response),
    },
  },
}, async page => {
  assert.equal(await page.locator('#key').isVisible(), false);
  await send(page, clip('hindi-1.wav'), 'hin');
  await page.getByRole('alert').getByText('Forbidden').waitFor();
  await page.getByRole('alert').getByText('gateway-1').waitFor();
  await page.locator('#key').fill('secret');
  await page.getByRole('button', { name: 'Transcribe' }).click();
  await shows(page, parts.map(part => part.text));
  assert.deepEqual(await page.evaluate(() => [sessionStorage.getItem('key'), Object.keys(localStorage)]), ['secret', ['language']]);
});

let ended;
visit('a request can be cancelled', {
  at: {
    own: {
      '/speech-to-text': (request, response) => {
        ended = once(response, 'close');
        return streams([event('segment', parts[0]), new Promise(() => {})])(request, response);
      },
    },
  },
}, async page => {
  await send(page, clip('hindi-1.wav'), 'hin');
  await texts(page).first().waitFor();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByText('Cancelled. This is the text so far.').waitFor();
  await ended;
  await page.getByRole('button', { name: 'Transcribe' }).click();
  await texts(page).first().waitFor();
  await page.keyboard.press('Escape');
  await page.getByText('Cancelled. This is the text so far.').waitFor();
  await ended;
  assert.ok(await page.getByRole('button', { name: 'Transcribe' }).isEnabled());
});

let languages = (request, response) => response.destroy();
visit('a service that is away is told from one that fails, and tried again', {
  expected: /ERR_|500/, at: { own: { '/supported-languages': (...both) => languages(...both) } },
}, async page => {
  const alert = page.getByRole('alert'), again = page.getByRole('button', { name: 'Try again' });
  await alert.getByText('The service cannot be reached').waitFor();
  languages = answers(500, { detail: 'Something broke.', code: 'internal', request_id: 'r-4' });
  await again.click();
  await alert.getByText('Something broke.').waitFor();
  languages = answers(200, { languages: { hin: 'Hindi' }, count: 1 });
  await again.click();
  await page.locator('#language:enabled').waitFor();
  assert.equal(await alert.isVisible(), false);
});

visit('the microphone is recorded, played and transcribed', { permissions: ['microphone'] }, async page => {
  await page.locator('#language:enabled').waitFor();
  await page.getByLabel('Language of the text').selectOption('hin');
  await page.getByRole('button', { name: 'Record' }).click();
  // The fake microphone says its sentence once, between seconds 1 and 2.2.
  await page.getByRole('button', { name: 'Stop 0:03' }).click();
  await page.getByText('Ready to transcribe.').waitFor();
  assert.match(await page.locator('#name').textContent(), /^recording .*\.(webm|m4a)$/);
  await page.getByText(/ · [23]\.\d s$/).waitFor();
  assert.ok(await page.evaluate(() => document.querySelector('video').currentTime < 0.1));
  await page.getByRole('button', { name: 'Transcribe' }).click();
  await shows(page, [HINDI]);
  assert.equal(await page.getByRole('button', { name: 'Record' }).textContent(), 'Record');
});

visit('the keyboard is enough', {}, async page => {
  await page.locator('#language:enabled').waitFor();
  const tab = async selector => {
    for (let i = 0; i < 25; i += 1) {
      await page.keyboard.press('Tab');
      if (await page.evaluate(wanted => document.activeElement.matches(wanted), selector)) return;
    }
    assert.fail(`no way to ${selector}`);
  };
  const ringed = selector => page.locator(selector).evaluate(element => getComputedStyle(element).outlineStyle === 'solid' && parseFloat(getComputedStyle(element).outlineWidth) >= 2);
  // Asked for early: a dialog that opens before the browser knows that it is awaited would never close.
  const chooser = page.waitForEvent('filechooser');
  await tab('#file');
  assert.ok(await ringed('#file + label'));
  await page.keyboard.press('Enter');
  await (await chooser).setFiles(clip('hindi-1.wav'));
  await page.getByText('Ready to transcribe.').waitFor();
  await tab('#language');
  await page.keyboard.type('Tam');
  await tab('#send');
  assert.ok(await ringed('#send'));
  await page.keyboard.press('Enter');
  await shows(page, [TAMIL]);
  assert.equal(await page.evaluate(() => document.activeElement.id), 'send');
  await tab('#text li button');
  assert.ok(await ringed('#text li button'));
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelector('#caption').textContent !== '');
  await tab('[data-save=srt]');
  const [download] = await Promise.all([page.waitForEvent('download'), page.keyboard.press('Enter')]);
  assert.equal(download.suggestedFilename(), 'hindi-1.srt');
});

const long = 'w'.repeat(80), urdu = { start: 0, end: 1, text: 'براہ کرم آج کا موسم' }, broad = { start: 1, end: 2, text: long };
visit('it fits a phone, in the dark, with text from right to left', {
  viewport: { width: 320, height: 568 }, isMobile: true, hasTouch: true, colorScheme: 'dark', reducedMotion: 'reduce', expected: /422/,
  at: { own: { '/speech-to-text': streams([event('segment', urdu) + event('segment', broad) + done([urdu, broad])]), '/supported-languages': answers(200, { languages: { urd: 'Urdu' }, count: 1 }) } },
}, async page => {
  await page.locator('#language:enabled').waitFor();
  assert.equal(await sideways(page), 0);
  await send(page, { name: `${long}.wav`, mimeType: 'audio/wav', buffer: readFileSync(clip('hindi-1.wav')) }, 'urd');
  await shows(page, [urdu.text, long]);
  const first = texts(page).first();
  assert.deepEqual(await first.evaluate(p => [p.lang, getComputedStyle(p).direction, getComputedStyle(p.parentElement).animationName]), ['ur', 'rtl', 'none']);
  assert.equal(await sideways(page), 0);
  const sizes = await page.locator('button:visible, label.button, select').evaluateAll(all => all.map(one => one.getBoundingClientRect().height));
  assert.ok(sizes.every(height => height >= 24), String(sizes));
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), 'rgb(19, 22, 21)');
});

for (const width of [320, 1000]) {
  visit(`the documentation shows the whole interface, ${width} pixels wide`, { path: '/docs', viewport: { width, height: 800 } }, async (page, origin) => {
    const api = await (await fetch(`${origin}/openapi.json`)).json();
    await page.getByRole('heading', { name: 'Endpoints' }).waitFor();
    const wanted = Object.entries(api.paths).flatMap(([path, item]) => Object.keys(item).filter(key => /^(get|put|post|delete|head|options|patch)$/.test(key)).map(method => `${method.toUpperCase()} ${path}`));
    assert.ok(wanted.includes('POST /speech-to-text') && wanted.includes('GET /health'));
    for (const name of wanted) {
      const section = page.getByRole('region', { name, exact: true });
      const { responses } = api.paths[name.split(' ')[1]][name.split(' ')[0].toLowerCase()];
      for (const status of Object.keys(responses)) assert.equal(await section.locator('dt code').getByText(status, { exact: true }).count(), 1, `${name} ${status}`);
      assert.match(await section.locator('pre').first().textContent(), new RegExp(`^curl .*'${origin}/`));
    }
    for (const name of Object.keys(api.components.schemas)) await page.getByRole('region', { name, exact: true }).waitFor();
    const broken = await page.locator('a[href^="#"]').evaluateAll(links => links.map(link => link.hash.slice(1)).filter(id => !document.getElementById(id)));
    assert.deepEqual(broken, []);
    assert.equal(await sideways(page), 0);
  });
}

visit('the picture for the documentation', {
  skip: !process.env.SCREENSHOT, viewport: { width: 820, height: 700 }, deviceScaleFactor: 1.5, reducedMotion: 'reduce',
}, async page => {
  await send(page, clip('hindi-1.wav'), 'tam');
  await shows(page, [TAMIL]);
  await page.locator('video').evaluate(async video => { video.currentTime = 0.6; await new Promise(resolve => { video.onseeked = resolve; }); });
  await page.getByRole('button', { name: 'Transcribe' }).blur();
  await page.mouse.move(1, 1);
  await page.waitForFunction(() => document.querySelector('#caption').textContent !== '');
  await page.screenshot({ path: process.env.SCREENSHOT, fullPage: true });
});
