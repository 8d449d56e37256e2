// Before the first paint: tells the style sheet that scripts run, and that the browser knows modules.
document.body.className += " js-enabled" + ("noModule" in HTMLScriptElement.prototype ? " nhsuk-frontend-supported" : "");
