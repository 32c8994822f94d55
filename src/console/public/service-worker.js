/** Shows the device's notifications where only a service worker may; a click on one brings the device's tab back. */

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(showDevice());
});

async function showDevice() {
  const tabs = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const device = tabs.find(({ url }) => new URL(url).pathname === "/device");
  await (device === undefined ? self.clients.openWindow("/device") : device.focus());
}
