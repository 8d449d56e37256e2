// BUILD and FILES stand above: the server writes them from the content of the files.
//
// The whole build is fetched at once into a cache of its own, and an older build goes only when the new one is complete
// and in use. Answers about children are never cached here: they are kept sealed, elsewhere.

const PREFIX = "healthvisit-tablet-";
const CACHE = PREFIX + BUILD;
const SHELL = "/tablet/";

self.addEventListener("install", (event) => {
  event.waitUntil(
    caches.open(CACHE).then((cache) => cache.addAll(FILES.map((file) => new Request(file, { cache: "reload" })))),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) =>
        Promise.all(
          names.filter((name) => name.startsWith(PREFIX) && name !== CACHE).map((name) => caches.delete(name)),
        ),
      )
      .then(() => self.clients.claim()),
  );
});

self.addEventListener("message", (event) => {
  if (event.data === "take over") self.skipWaiting();
});

self.addEventListener("fetch", (event) => {
  const address = new URL(event.request.url);
  if (event.request.method !== "GET" || address.origin !== self.location.origin) return;
  const isShell = event.request.mode === "navigate" && ["/tablet/", "/tablet/signed-in"].includes(address.pathname);
  const file = isShell ? SHELL : address.pathname;
  if (!FILES.includes(file)) return;
  event.respondWith(caches.open(CACHE).then(async (cache) => (await cache.match(file)) ?? fetch(event.request)));
});
