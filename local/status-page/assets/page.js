/**
 * The page's only script. Two things: an open page asks for news and takes over what has changed, and the form of /new collects
 * photos and sends them. Everything it shows comes from the server as text or as the server's own markup.
 */
(() => {
  const main = document.getElementById('main');

  // News: the same page is asked for again, and what differs inside [data-live] is taken over.

  const announcer = document.getElementById('announcer');
  const connection = document.getElementById('connection');
  const MAX_PAUSE_MS = 30_000;
  let failures = 0;
  let timer = 0;

  function pollLater() {
    clearTimeout(timer);
    const every = Number(main.dataset.poll);
    if (every > 0 && !document.hidden) timer = setTimeout(poll, Math.min(every * 2 ** failures, MAX_PAUSE_MS));
  }

  async function poll() {
    try {
      const response = await fetch(location.href, { headers: { accept: 'text/html' } });
      if (!response.ok) throw new Error(String(response.status));
      takeOver(new DOMParser().parseFromString(await response.text(), 'text/html'));
      failures = 0;
      connection.textContent = '';
    } catch {
      failures += 1;
      if (failures > 1) connection.textContent = 'The server does not answer. Trying again.';
    }
    pollLater();
  }

  function takeOver(news) {
    const next = news.getElementById('main');
    for (const region of document.querySelectorAll('[data-live]')) {
      const other = news.getElementById(region.id);
      if (other) morph(region, other);
    }
    announce(next.dataset.announcement);
    main.dataset.poll = next.dataset.poll;
    document.title = news.title;
    // The dialog of a page that was made before its job was there.
    const dialog = news.getElementById('cancel-dialog');
    if (dialog && !document.getElementById('cancel-dialog')) main.append(dialog);
  }

  /** Reads out only what is new, a line each. */
  function announce(text) {
    const before = (main.dataset.announcement ?? '').split('\n');
    const lines = text.split('\n').filter((line) => line !== '' && !before.includes(line));
    if (lines.length > 0) announcer.textContent = lines.join(' ');
    main.dataset.announcement = text;
  }

  /** Makes `node` like `next` and keeps what is alike, so that focus, selection, open details and a playing video stay. */
  function morph(node, next) {
    for (const { name } of [...node.attributes]) {
      if (!next.hasAttribute(name) && !(name === 'open' && node.localName === 'details')) node.removeAttribute(name);
    }
    for (const { name, value } of next.attributes) {
      if (node.getAttribute(name) !== value) node.setAttribute(name, value);
    }
    const children = [...node.childNodes];
    const wanted = [...next.childNodes];
    for (const [i, child] of wanted.entries()) {
      const old = children[i];
      if (!old) node.append(document.importNode(child, true));
      else if (!isSameKind(old, child)) old.replaceWith(document.importNode(child, true));
      else if (child.nodeType !== Node.ELEMENT_NODE) {
        if (old.data !== child.data) old.data = child.data;
      } else if (!old.dataset.version || old.dataset.version !== child.dataset.version) morph(old, child);
    }
    for (const old of children.slice(wanted.length)) old.remove();
  }

  function isSameKind(a, b) {
    return a.nodeName === b.nodeName && (a.id ?? '') === (b.id ?? '');
  }

  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && Number(main.dataset.poll) > 0) void poll();
  });
  pollLater();

  // Dialogs: links with data-dialog open one, data-close closes it.

  document.addEventListener('click', (event) => {
    const opener = event.target.closest('[data-dialog]');
    const dialog = opener && document.getElementById(opener.dataset.dialog);
    const closer = event.target.closest('dialog [data-close]');
    if (!dialog && !closer) return;
    event.preventDefault();
    if (dialog) dialog.showModal();
    else closer.closest('dialog').close();
  });

  // The form of /new.

  const form = document.getElementById('new-job');
  if (!form) return;

  const byId = (id) => document.getElementById(id);
  const list = byId('photo-list');
  const summary = byId('error-summary');
  const dropZone = byId('drop-zone');
  const status = byId('upload-status');
  const bar = byId('upload-progress');
  const button = byId('submit');
  const IMAGE = /\.(png|jpe?g|webp)$/i;
  const MANIFEST = 'job.json';
  const MAX_MANIFEST_BYTES = 65_536;
  const SEPARATE_FIELDS = ['tenant', 'set'];
  /** In the order of job.json. `file` is null for a photo that job.json names and nobody chose. */
  let photos = [];
  /** The job.json that came with the photos. */
  let base = null;

  for (const input of [byId('photo-input'), byId('folder-input')]) {
    input.addEventListener('change', () => {
      void addFiles([...input.files]);
      input.value = '';
    });
  }

  let dragDepth = 0;
  dropZone.addEventListener('dragenter', () => dropZone.classList.toggle('over', ++dragDepth > 0));
  dropZone.addEventListener('dragleave', () => dropZone.classList.toggle('over', --dragDepth > 0));
  // A photo dropped beside the zone would replace the page.
  for (const type of ['dragover', 'drop']) addEventListener(type, (event) => event.preventDefault());
  dropZone.addEventListener('drop', async (event) => {
    dragDepth = 0;
    dropZone.classList.remove('over');
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const files = [...event.dataTransfer.files];
    await addFiles(entries.length > 0 ? (await Promise.all(entries.map(filesOf))).flat() : files);
  });

  /** A file, or the files directly in a folder. */
  function filesOf(entry) {
    if (entry.isFile)
      return new Promise((resolve) =>
        entry.file(
          (file) => resolve([file]),
          () => resolve([]),
        ),
      );
    const reader = entry.createReader();
    return new Promise((resolve) => {
      const found = [];
      const readMore = () =>
        reader.readEntries(
          async (entries) => {
            if (entries.length === 0) return resolve((await Promise.all(found.map(filesOf))).flat());
            found.push(...entries.filter(({ isFile }) => isFile));
            readMore();
          },
          () => resolve([]),
        );
      readMore();
    });
  }

  async function addFiles(files) {
    const problems = [];
    const manifest = files.find(({ name }) => name === MANIFEST);
    if (manifest) problems.push(...(await readManifest(manifest)));
    for (const file of files.filter(({ name }) => name !== MANIFEST && !name.startsWith('.'))) {
      if (IMAGE.test(file.name)) addPhoto(file);
      else problems.push(`${file.name} is left out: only PNG, JPEG and WebP can be used.`);
    }
    showPhotos();
    showFieldError('reference_set.images', problems.join(' '));
    byId('photo-news').textContent = `${photos.filter(({ file }) => file).length} photos chosen.`;
  }

  /** Fills the form with what a job.json says. */
  async function readManifest(file) {
    if (file.size > MAX_MANIFEST_BYTES)
      return [`job.json is left out: it must be at most ${MAX_MANIFEST_BYTES} bytes.`];
    let value;
    try {
      value = JSON.parse(await file.text());
    } catch {
      return ['job.json is left out: it is not JSON.'];
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return ['job.json is left out: it is no object.'];
    base = value;
    for (const field of fields()) {
      // A list of words is a box for each of them.
      const given = field.name
        .split('.')
        .reduce((inner, key) => (Array.isArray(inner) ? inner.includes(key) : inner?.[key]), base);
      if (given === undefined) continue;
      if (field.type === 'checkbox') field.checked = given === true;
      else setValue(field, typeof given === 'string' ? given : JSON.stringify(given));
    }
    const images = base.reference_set?.images;
    const named = Array.isArray(images) ? images.filter((image) => typeof image?.file === 'string') : [];
    const chosen = photos;
    photos = named.map((image) => ({ name: image.file, file: null, view: String(image.view ?? '') }));
    for (const { file, view } of chosen) if (file) addPhoto(file, view);
    byId('more-settings').open = true;
    return [];
  }

  /** A select has no value that is not among its choices: the choice is added, and the server judges it. */
  function setValue(field, value) {
    if (field.localName === 'select' && ![...field.options].some((option) => option.value === value)) {
      field.append(new Option(value, value));
    }
    field.value = value;
  }

  function addPhoto(file, view = '') {
    const awaited = photos.find((photo) => photo.name === file.name && !photo.file);
    if (awaited) awaited.file = file;
    else photos.push({ name: freeName(safeName(file.name)), file, view });
  }

  /** As job.json takes it: other signs become hyphens. */
  function safeName(name) {
    const at = name.lastIndexOf('.');
    const stem = name
      .slice(0, at)
      .replace(/[^\p{L}\p{M}\p{N} ._()@+=,-]/gu, '-')
      .replace(/^[^\p{L}\p{N}]+/u, '');
    return (stem || 'photo') + name.slice(at).toLowerCase();
  }

  function freeName(name) {
    const at = name.lastIndexOf('.');
    for (let i = 1; ; i++) {
      const candidate = i === 1 ? name : `${name.slice(0, at)}-${i}${name.slice(at)}`;
      if (!photos.some((photo) => photo.name === candidate)) return candidate;
    }
  }

  function showPhotos() {
    for (const image of list.querySelectorAll('img')) URL.revokeObjectURL(image.src);
    list.replaceChildren(...photos.map(photoRow));
    dropZone.classList.toggle('filled', photos.length > 0);
    const tooMany = photos.length > Number(form.dataset.maxImages);
    showFieldError('reference_set.images', tooMany ? `At most ${form.dataset.maxImages} photos: remove some.` : '');
  }

  function photoRow(photo, i) {
    const row = byId('photo-template').content.firstElementChild.cloneNode(true);
    const [image, name, label, select, error, remove] = [
      'img',
      '.photo-name',
      'label span',
      'select',
      '.field-error',
      '.remove',
    ].map((selector) => row.querySelector(selector));
    if (photo.file) image.src = URL.createObjectURL(photo.file);
    else image.remove();
    name.textContent = photo.name;
    label.textContent = `View of ${photo.name}`;
    setValue(select, photo.view);
    select.addEventListener('change', () => {
      photo.view = select.value;
    });
    error.id = `error:reference_set.images[${i}]`;
    select.setAttribute('aria-describedby', error.id);
    if (!photo.file) showError(error, 'job.json names this photo, and it was not chosen. Add it, or remove this line.');
    remove.setAttribute('aria-label', `Remove ${photo.name}`);
    remove.addEventListener('click', () => {
      photos = photos.filter((other) => other !== photo);
      showPhotos();
      (list.querySelectorAll('.remove')[Math.min(i, photos.length - 1)] ?? byId('photo-input')).focus();
    });
    return row;
  }

  function fields() {
    return [...form.elements].filter(({ name }) => name && !SEPARATE_FIELDS.includes(name));
  }

  function submission(set) {
    const values = fields().map((field) => [field.name, field.type === 'checkbox' ? field.checked : field.value]);
    const images = photos.map(({ name, view, file }) => ({ file: name, view, size: file?.size ?? 0 }));
    const tenant = form.elements.tenant.value;
    return JSON.stringify({ tenant, set, base, fields: Object.fromEntries(values), images });
  }

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    showErrors([]);
    button.disabled = true;
    try {
      await upload();
    } catch (error) {
      status.textContent = '';
      bar.hidden = true;
      showErrors(error.errors ?? [{ path: '', message: 'The server did not answer. Nothing is lost: try again.' }]);
    }
    button.disabled = false;
  });

  async function upload() {
    const missing = photos.flatMap(({ file, name }, i) =>
      file
        ? []
        : [{ path: `reference_set.images[${i}].file`, message: `${name} is named in job.json and was not chosen.` }],
    );
    if (missing.length > 0) throw { errors: missing };
    status.textContent = 'Checking.';
    const { tenant, set } = await (await send('POST', '/sets/check', submission(form.elements.set.value))).json();
    bar.hidden = false;
    for (const [i, { name, file }] of photos.entries()) {
      status.textContent = `Uploading ${name} (${i + 1} of ${photos.length}).`;
      bar.value = i / photos.length;
      await send('PUT', `/sets/${[tenant, set, name].map(encodeURIComponent).join('/')}`, file);
    }
    bar.value = 1;
    status.textContent = 'Starting the job.';
    const { location: next } = await (await send('POST', '/sets', submission(set))).json();
    location.assign(next);
  }

  async function send(method, path, body, isAgain = false) {
    const type = typeof body === 'string' ? 'application/json' : 'application/octet-stream';
    const headers = { 'content-type': type, 'x-csrf-token': form.dataset.csrf };
    const response = await fetch(path, { method, headers, body });
    if (response.ok) return response;
    if (response.status === 403 && !isAgain && (await renewToken())) return send(method, path, body, true);
    const answer = await response.json().catch(() => ({}));
    throw { errors: answer.errors ?? [{ path: '', message: `The server answered ${response.status}. Try again.` }] };
  }

  /** The server was started anew since this page was made. */
  async function renewToken() {
    const page = new DOMParser().parseFromString(await (await fetch('/new')).text(), 'text/html');
    const token = page.getElementById('new-job')?.dataset.csrf;
    const isNew = token !== undefined && token !== form.dataset.csrf;
    if (isNew) form.dataset.csrf = token;
    return isNew;
  }

  /** Each beside its field, and all of them in a list that gets the focus. */
  function showErrors(errors) {
    for (const slot of form.querySelectorAll('.field-error')) showError(slot, '');
    for (const invalid of form.querySelectorAll('[aria-invalid]')) invalid.removeAttribute('aria-invalid');
    summary.hidden = errors.length === 0;
    if (errors.length === 0) return;
    const title = document.createElement('h2');
    title.textContent =
      errors.length === 1 ? 'One thing is not right yet' : `${errors.length} things are not right yet`;
    const items = document.createElement('ul');
    for (const { path, message } of errors) items.append(errorItem(path, message));
    summary.replaceChildren(title, items);
    summary.focus();
  }

  function errorItem(path, message) {
    const item = document.createElement('li');
    const field = byId(path) ?? (path.startsWith('reference_set.images') ? byId('photo-input') : null);
    const slot = byId(`error:${path}`) ?? byId(`error:${path.replace(/(\[\d+\]).*$/, '$1')}`);
    if (slot) showError(slot, withoutPath(path, message));
    if (!field) {
      item.textContent = message;
      return item;
    }
    if (field.id === path) field.setAttribute('aria-invalid', 'true');
    field.closest('details')?.setAttribute('open', '');
    const link = document.createElement('a');
    link.href = `#${field.id}`;
    link.textContent = field.id === path ? `${labelOf(field)}: ${lowerFirst(withoutPath(path, message))}` : message;
    link.addEventListener('click', (event) => {
      event.preventDefault();
      field.focus();
    });
    item.append(link);
    return item;
  }

  function labelOf(field) {
    return (field.labels?.[0]?.textContent ?? field.name).trim().replace(/\.$/, '');
  }

  /** "input.seed must be ..." beside the seed: "Must be ...". */
  function withoutPath(path, message) {
    const rest = message.startsWith(`${path} `) ? message.slice(path.length + 1) : message;
    return rest.charAt(0).toUpperCase() + rest.slice(1);
  }

  function lowerFirst(text) {
    return text.charAt(0).toLowerCase() + text.slice(1);
  }

  function showFieldError(path, message) {
    showError(byId(`error:${path}`), message);
  }

  function showError(slot, message) {
    slot.textContent = message;
    slot.hidden = message === '';
  }
})();
