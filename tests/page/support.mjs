// What the tests of the page share: a browser with a fake microphone, visits, and a server before the service.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

export const BASE = new URL(process.env.BASE_URL ?? 'http://127.0.0.1:8000').origin;
export const clip = name => fileURLToPath(new URL(`../../examples/audio/${name}`, import.meta.url));
export const HINDI = 'कृपया आज का मौसम';
const folder = mkdtempSync(join(tmpdir(), 'page-'));
let browser;

// The clips one after the other, as WAV, with silence before, between and after them.
export function spoken(names, silence) {
  const bytes = names.map(name => readFileSync(clip(name)));
  const pause = Buffer.alloc(2 * Math.round(16_000 * silence));
  const data = Buffer.concat([pause, ...bytes.flatMap(wav => [wav.subarray(44), pause])]);
  const head = Buffer.from(bytes[0].subarray(0, 44));
  assert.equal(head.toString('latin1', 36, 40), 'data');
  head.writeUInt32LE(36 + data.length, 4);
  head.writeUInt32LE(data.length, 40);
  return Buffer.concat([head, data]);
}

before(async () => {
  const microphone = join(folder, 'microphone.wav');
  writeFileSync(microphone, spoken(['hindi-1.wav'], 1));
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required',
      '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', `--use-file-for-fake-audio-capture=${microphone}%noloop`,
    ],
  });
});
after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true });
});

// A test with a page of its own. Whatever it does, nothing may be asked of another host and nothing may go wrong in the
// console, but the failures that the test is about (`expected`).
export function visit(name, { at = BASE, path = '/', expected, skip, ...options }, body) {
  test(name, { timeout: 60_000, skip }, async t => {
    const origin = typeof at === 'string' ? at : await front(t, at);
    const context = await browser.newContext({ viewport: { width: 900, height: 900 }, locale: 'en-GB', ...options });
    t.after(() => context.close());
    const page = await context.newPage(), wrong = [];
    page.setDefaultTimeout(20_000);
    page.on('console', message => message.type() === 'error' && !expected?.test(message.text()) && wrong.push(message.text()));
    page.on('pageerror', error => wrong.push(String(error)));
    page.on('request', request => new URL(request.url()).origin !== origin && !/^(blob|data):/.test(request.url()) && wrong.push(request.url()));
    await page.goto(origin + path);
    await body(page, origin, t);
    assert.deepEqual(wrong, []);
  });
}

// A server before the service, as a gateway is: below `prefix`, with whole answers where `buffered`, and with answers of
// its own for the paths in `own`, for what a healthy service does not do.
async function front(t, { prefix = '', buffered = false, own = {} }) {
  const server = http.createServer(async (request, response) => {
    const path = request.url.replace(prefix, '').replace(/^\/?/, '/');
    if (!request.url.startsWith(prefix)) return response.writeHead(404).end();
    if (own[path]) return own[path](request, response);
    const parts = await request.toArray();
    const forward = http.request(BASE + path, { method: request.method, headers: { ...request.headers, host: new URL(BASE).host } }, async answer => {
      const whole = buffered && Buffer.concat(await answer.toArray());
      response.writeHead(answer.statusCode, answer.headers);
      if (buffered) response.end(whole);
      else answer.pipe(response);
    });
    forward.end(Buffer.concat(parts));
  });
  // WebSockets are passed on byte for byte, for the same host as the page's, as proxies do; or refused.
  const tunnels = new Set();
  server.on('upgrade', (request, socket, head) => {
    const path = request.url.replace(prefix, ''), refusal = own[path.split('?')[0]] && 'HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\r\n';
    if (refusal) return socket.end(refusal);
    const { port, hostname } = new URL(BASE), onward = net.connect(port, hostname);
    const lines = [`GET ${path} HTTP/1.1`, ...Object.entries(request.headers).map(([name, value]) => `${name}: ${value}`)];
    onward.write(`${lines.join('\r\n')}\r\n\r\n`);
    onward.write(head);
    for (const [from, to] of [[socket, onward], [onward, socket]]) {
      tunnels.add(from);
      from.pipe(to);
      from.on('error', () => to.destroy());
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => { tunnels.forEach(tunnel => tunnel.destroy()); server.closeAllConnections(); server.close(); });
  return `http://127.0.0.1:${server.address().port}`;
}
export const answers = (status, body, headers = {}) => async (request, response) => {
  await request.toArray();
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
};

// Whether the page is wider than the window.
export const sideways = page => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
export const texts = page => page.locator('#text li p');
