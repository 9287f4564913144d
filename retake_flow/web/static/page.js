// The page as it changes: parts come from the server as HTML; what somebody is writing, and where they are, stays.
'use strict';
const main = document.getElementById('main');
const link = document.getElementById('link');
const calm = matchMedia('(prefers-reduced-motion: reduce)');
const byId = id => document.getElementById(id);

// --- times ------------------------------------------------------------------------------------------------

const span = s => {
  s = Math.max(0, Math.round(s));
  const [h, m, rest] = [Math.floor(s / 3600), Math.floor(s / 60) % 60, String(s % 60).padStart(2, '0')];
  return h ? `${h}:${String(m).padStart(2, '0')}:${rest}` : `${m}:${rest}`;
};
const ago = s => s < 5 ? 'just now'
  : (s < 60 ? `${Math.floor(s)}s` : s < 3600 ? `${Math.floor(s / 60)}m` : s < 86400 ? `${Math.floor(s / 3600)}h` : `${Math.floor(s / 86400)}d`) + ' ago';
const put = (el, text) => { if (el.textContent !== text) el.textContent = text; };
setInterval(() => {
  const now = Date.now() / 1000;
  for (const el of document.querySelectorAll('[data-since]')) put(el, span(now - el.dataset.since));
  for (const el of document.querySelectorAll('[data-until]')) put(el, span(el.dataset.until - now));
  for (const el of document.querySelectorAll('[data-ago]')) put(el, ago(now - el.dataset.ago));
}, 1000);

// --- forms: sent without leaving the page -------------------------------------------------------------------

document.addEventListener('submit', async ev => {
  const form = ev.target, result = form.querySelector('.result'), button = ev.submitter;
  if (form.method !== 'post' || !result) return;
  ev.preventDefault();
  if (form.dataset.busy) return;
  form.dataset.busy = 'yes';
  if (button) button.setAttribute('aria-busy', 'true');
  let answer;
  try {
    const reply = await fetch(form.action, { method: 'POST', body: new URLSearchParams(new FormData(form, button)), headers: { Accept: 'application/json' } });
    answer = await reply.json();
  } catch { answer = { ok: false, message: 'The page cannot be reached. Nothing was sent; try again.' }; }
  delete form.dataset.busy;
  if (button) button.removeAttribute('aria-busy');
  result.className = answer.ok ? 'result' : 'result problem';
  result.textContent = [answer.message, answer.hint].filter(Boolean).join(' ');
  if (answer.ok && 'clears' in form.dataset) form.reset();
  if (answer.ok && form.closest('.gate')) form.closest('.gate').dataset.answered = 'yes';
});

// --- one run ------------------------------------------------------------------------------------------------

const fragment = html => { const t = document.createElement('template'); t.innerHTML = html; return t.content; };

function append(list, html, most) {
  const box = list.closest('.scroll'), atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  list.append(fragment(html));
  while (list.children.length > most) list.firstElementChild.remove();
  if (atEnd) box.scrollTop = box.scrollHeight;
}

let fading;
function notice(text) {
  byId('notice').textContent = text;
  clearTimeout(fading);
  fading = setTimeout(() => { byId('notice').textContent = ''; }, 20000);
}

const title = document.title;
const countQuestions = () => {
  const open = document.querySelectorAll('.gate').length;
  document.title = (open ? `(${open}) ` : '') + title;
};

// A question that is still open stays the element that it is, with what was written into it.
function mergeQuestions(html) {
  const box = byId('questions'), next = fragment(html), known = new Map([...box.children].map(el => [el.id, el]));
  const ids = new Set([...next.children].map(el => el.id));
  for (const [id, el] of known) if (!ids.has(id)) {
    if (el.contains(document.activeElement)) main.focus({ preventScroll: true });
    el.remove();
  }
  for (const el of [...next.children]) if (!known.has(el.id)) box.append(el);
  countQuestions();
}

function showPart({ id, html }) {
  if (id === 'questions') return mergeQuestions(html);
  const part = byId(id);
  if (part.contains(document.activeElement) && part.querySelector('form')) return;
  part.replaceChildren(fragment(html));
}

let shown = '';
function showPlace({ active, visited, way }) {
  const deepest = active.at(-1) || '';
  for (const g of document.querySelectorAll('#chart g.edge')) g.classList.toggle('taken', way.includes(g.id));
  for (const g of document.querySelectorAll('#chart g.node, #chart g.cluster')) {
    const path = g.querySelector('title')?.textContent.replace(/^cluster /, '') ?? '';
    g.classList.toggle('active', active.includes(path));
    g.classList.toggle('deepest', path === deepest);
    g.classList.toggle('new', !visited.includes(path) && !path.endsWith('[*]'));
    if (path === deepest && shown !== deepest) {
      shown = deepest;
      const box = byId('chart'), at = g.getBoundingClientRect(), around = box.getBoundingClientRect();
      box.scrollBy({ left: at.left + at.width / 2 - around.left - around.width / 2, top: at.top + at.height / 2 - around.top - around.height / 2, behavior: calm.matches ? 'auto' : 'smooth' });
    }
  }
}

function follow(run) {
  let last = Number(main.dataset.after), source;
  const connect = () => {
    source = new EventSource(`/runs/${encodeURIComponent(run)}/events?after=${last}`);
    source.onopen = () => { if (!('ended' in main.dataset)) { link.textContent = 'Connected'; link.dataset.state = 'open'; } };
    source.onerror = () => {
      link.textContent = 'Reconnecting'; link.dataset.state = 'lost';
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, 2000);
    };
    source.addEventListener('record', ev => {
      const { number, journal, chat, tell } = JSON.parse(ev.data);
      if (number <= last) return;
      last = number;
      if (journal) append(byId('log'), journal, 250);
      if (chat) append(byId('chat'), chat, 60);
      if (tell) notice(tell);
    });
    source.addEventListener('part', ev => showPart(JSON.parse(ev.data)));
    source.addEventListener('place', ev => showPlace(JSON.parse(ev.data)));
    source.addEventListener('over', () => {
      source.close();
      link.textContent = 'Ended'; link.dataset.state = 'ended'; main.dataset.ended = '';
    });
  };
  connect();
}

function watchPicture(run) {
  const picture = byId('picture'), none = byId('no-picture');
  if (!picture) return;
  const load = () => { if (!document.hidden && !('ended' in main.dataset)) picture.src = `/runs/${encodeURIComponent(run)}/picture.jpg?${Date.now()}`; };
  picture.onload = () => { picture.hidden = false; none.hidden = true; };
  picture.onerror = () => { picture.hidden = true; none.hidden = false; };
  load();
  setInterval(load, 5000);
  document.addEventListener('visibilitychange', load);
}

if (main.dataset.run) {
  showPlace(JSON.parse(main.dataset.place));
  countQuestions();
  for (const id of ['chat-box', 'log-box']) byId(id).scrollTop = byId(id).scrollHeight;
  if ('ended' in main.dataset) link.dataset.state = 'ended';
  else watchPicture(main.dataset.run);
  if (!('ended' in main.dataset) || 'partial' in main.dataset) follow(main.dataset.run);
}

// --- all runs -----------------------------------------------------------------------------------------------

if ('list' in main.dataset) setInterval(async () => {
  const box = byId('runs');
  if (document.hidden || box.contains(document.activeElement)) return;
  try {
    const reply = await fetch(location.href);
    if (!reply.ok) throw new Error(reply.status);
    const next = new DOMParser().parseFromString(await reply.text(), 'text/html');
    box.replaceChildren(...next.getElementById('runs').childNodes);
    main.querySelector('.title').replaceChildren(...next.querySelector('.title').childNodes);
    link.textContent = ''; link.dataset.state = '';
  } catch { link.textContent = 'Reconnecting'; link.dataset.state = 'lost'; }
}, 4000);
