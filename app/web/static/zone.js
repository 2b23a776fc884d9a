// Tell the server by which clock this browser goes: the next pages say their times by it.
"use strict";
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (/^[A-Za-z0-9_+\/-]{1,64}$/.test(zone || "")) {
  document.cookie = `__Host-understudy-zone=${zone}; Path=/; Secure; SameSite=Lax; Max-Age=31536000`;
}
