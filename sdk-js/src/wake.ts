/**
 * Signs from the browser that the network may have changed or that somebody is looking again. Where these events do not
 * exist (Node, workers), nothing happens.
 */
export function onWake(wake: (usable: boolean) => void): () => void {
  const online = () => wake(true);
  const offline = () => wake(false);
  const visible = () => document.visibilityState === 'visible' && wake(true);
  const page = typeof document === 'undefined' ? undefined : document;
  const global = typeof addEventListener === 'undefined' ? undefined : globalThis;
  global?.addEventListener('online', online);
  global?.addEventListener('offline', offline);
  page?.addEventListener('visibilitychange', visible);
  return () => {
    global?.removeEventListener('online', online);
    global?.removeEventListener('offline', offline);
    page?.removeEventListener('visibilitychange', visible);
  };
}
