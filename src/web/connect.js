"use strict";
(function () {
  var token = location.hash.slice(1);
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
  var field = document.getElementById("token");
  if (field && /^[A-Za-z0-9_-]{22}$/.test(token)) {
    field.value = token;
    field.disabled = false;
    document.getElementById("by-code").hidden = true;
    var code = document.getElementById("code");
    if (code) code.disabled = true;
    document.getElementById("by-link").hidden = false;
  }
  var live = document.getElementById("live");
  // Every other second while somebody looks, for ten minutes of looking.
  var looks = 300, asking = false, shown = "";
  function look() {
    if (document.hidden || asking) return;
    if (looks-- === 0) return stop();
    asking = true;
    fetch("/pair/live", { cache: "no-store" }).then(function (answer) {
      if (!answer.ok) return answer.status === 403 ? stop() : undefined;
      return answer.text().then(function (text) {
        if (text !== shown) live.innerHTML = shown = text;
      });
    }).catch(function () {}).then(function () {
      asking = false;
    });
  }
  function stop() {
    clearInterval(timer);
    document.getElementById("paused").hidden = false;
  }
  var timer = live && setInterval(look, 2000);
  document.querySelectorAll("button[data-copy]").forEach(function (button) {
    button.hidden = false;
    button.addEventListener("click", function () {
      var text = document.getElementById(button.dataset.copy).textContent;
      navigator.clipboard.writeText(text).then(function () {
        button.textContent = "Copied";
      });
    });
  });
})();
