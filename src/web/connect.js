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
