// The page's live mode in Chromium, with a fake microphone that says its sentence once, between seconds 1 and 2.2.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { answers, BASE, HINDI, sideways, texts, visit } from './support.mjs';

const microphone = { permissions: ['microphone'] };

// Begins, and notes every text that the page shows from then on.
async function begin(page) {
  await page.locator('#language:enabled').waitFor();
  await page.getByLabel('Language of the text').selectOption('hin');
  await page.evaluate(() => {
    window.seen = [];
    const note = () => window.seen.push([document.querySelector('#text').textContent, document.querySelector('#text .guess')?.textContent]);
    new MutationObserver(note).observe(document.querySelector('#text'), { childList: true, subtree: true, characterData: true });
  });
  await page.getByRole('button', { name: 'Live' }).click();
}

for (const prefix of ['', '/prod']) {
  visit(`words appear while one speaks, at "${prefix}/"`, { ...microphone, at: prefix ? { prefix } : BASE, path: `${prefix}/` }, async page => {
    await begin(page);
    await page.getByText('Listening…').waitFor();
    assert.ok(await page.getByRole('button', { name: 'Record' }).isDisabled());
    await texts(page).first().waitFor();
    // The text is complete without a stop, as the sentence has ended.
    await page.locator('#text li:not([aria-busy])').waitFor();
    assert.deepEqual(await texts(page).allTextContents(), [HINDI]);
    assert.equal(await page.locator('#text .guess').count(), 0);
    assert.match(await page.locator('#text time').textContent(), /^0:0[01]$/);
    const seen = await page.evaluate(() => window.seen);
    const before = seen.filter(([, guess]) => guess);
    assert.ok(before.length > 0, `no word before the end: ${JSON.stringify(seen)}`);
    await page.getByRole('button', { name: /^Stop 0:0/ }).click();
    await page.getByText('Done.', { exact: true }).waitFor();
    assert.deepEqual(await texts(page).allTextContents(), [HINDI]);
    assert.equal(await page.getByRole('button', { name: 'Live' }).textContent(), 'Live');
    assert.equal(await sideways(page), 0);
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Subtitles (SRT)' }).click()]);
    assert.match(download.suggestedFilename(), /^live .*\.srt$/);
    assert.match(readFileSync(await download.path(), 'utf8'), new RegExp(`^1\n00:00:0\\d,\\d{3} --> 00:00:0\\d,\\d{3}\n${HINDI}\n\n$`));
  });
}

visit('a stop in the middle ends with all that was said', microphone, async page => {
  await begin(page);
  await page.locator('#text .guess').waitFor();
  await page.keyboard.press('Escape');
  await page.getByText('Done.', { exact: true }).waitFor();
  const [text] = await texts(page).allTextContents();
  assert.ok(HINDI.startsWith(text.split(' ')[0]), text);
  assert.equal(await page.locator('#text li[aria-busy]').count(), 0);
  // Afterwards everything works as before.
  await page.getByLabel('Choose a file').setInputFiles({ name: 'empty.wav', mimeType: 'audio/wav', buffer: Buffer.alloc(0) });
  await page.getByRole('alert').getByText('The file is empty.').waitFor();
});

visit('a service without a place for live text says so', {
  ...microphone, expected: /WebSocket|503/,
  at: { own: { '/v1/realtime': answers(503, { error: { message: '16 live transcriptions are under way.', code: 'busy' } }, { 'retry-after': '2' }) } },
}, async page => {
  await begin(page);
  const alert = page.getByRole('alert');
  await alert.getByText('The service is busy').waitFor();
  await alert.getByText('16 live transcriptions are under way.').waitFor();
  assert.ok(await page.getByRole('button', { name: 'Record' }).isEnabled());
});

visit('a proxy without WebSockets is named', {
  ...microphone, expected: /WebSocket|426/,
  at: { own: { '/v1/realtime': answers(426, { error: { message: 'no request for a WebSocket', code: 'upgrade_required' } }) } },
}, async page => {
  await begin(page);
  await page.getByRole('alert').getByText(/A proxy before the service may not pass WebSockets on/).waitFor();
});

visit('a host without WebSockets has no live mode', { at: { own: { '/limits': answers(200, { sockets: 0 }) } } }, async page => {
  await page.locator('#language:enabled').waitFor();
  assert.equal(await page.locator('#live').isVisible(), false);
  assert.ok(await page.locator('#record').isVisible());
});

visit('without a microphone the reason is told', {}, async page => {
  await page.locator('#language:enabled').waitFor();
  await page.evaluate(() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('Not allowed', 'NotAllowedError')); });
  await page.getByRole('button', { name: 'Live' }).click();
  await page.getByRole('alert').getByText('No microphone').waitFor();
  assert.ok(await page.getByRole('button', { name: 'Live' }).isEnabled());
});

visit('a key goes out with the protocols of the socket', { ...microphone, expected: /WebSocket/ }, async page => {
  await page.locator('#language:enabled').waitFor();
  await page.locator('#access summary').click();
  await page.locator('#key').fill('a secret');
  await page.getByRole('button', { name: 'Live' }).click();
  await page.getByRole('alert').getByText(/The API key has characters/).waitFor();
  await page.locator('#key').fill('secret');
  const opened = page.waitForEvent('websocket');
  const protocols = await page.evaluate(() => new Promise(resolve => {
    const Original = window.WebSocket;
    window.WebSocket = class extends Original { constructor(url, list) { super(url, list); resolve(list); } };
    document.querySelector('#live').click();
  }));
  assert.deepEqual(protocols, ['realtime', 'openai-insecure-api-key.secret']);
  assert.match((await opened).url(), /^ws:.*\/v1\/realtime\?intent=transcription$/);
  await page.getByText('Listening…').waitFor();
  // Another one is for later: the language stays as it is.
  const language = page.locator('#language');
  await language.evaluate(select => { window.option = select.selectedOptions[0]; });
  await page.locator('#key').fill('another');
  await page.locator('#key').dispatchEvent('change');
  await page.waitForTimeout(500);
  assert.ok(await language.isDisabled());
  assert.ok(await language.evaluate(select => select.selectedOptions[0] === window.option));
});
