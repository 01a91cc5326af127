"use strict";
(() => {
  const form = document.getElementById("filter");
  if (!form) return;
  const status = document.getElementById("filtered");
  const words = form.querySelector("input[name=words]");
  const boxes = [...form.querySelectorAll("input[name=severity]")];
  const lower = (node) => node.textContent.toLowerCase();
  const rules = [...document.querySelectorAll("article.rule")].map((article) => ({
    article,
    row: document.querySelector(`tr[data-rule="${CSS.escape(article.id)}"]`),
    severity: article.dataset.severity,
    head: lower(article.querySelector("header")),
    items: [...article.querySelectorAll("li.seen")].map((item) => ({ item, text: lower(item) })),
  }));
  const total = rules.reduce((sum, rule) => sum + rule.items.length, 0);

  const apply = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    let shown = 0;
    for (const rule of rules) {
      const isChosen = chosen.has(rule.severity);
      let inside = 0;
      for (const { item, text } of rule.items) {
        const matches = isChosen && wanted.every((word) => text.includes(word) || rule.head.includes(word));
        item.hidden = !matches;
        inside += matches ? 1 : 0;
      }
      rule.article.hidden = inside === 0;
      if (rule.row) rule.row.hidden = inside === 0;
      shown += inside;
    }
    const said = (number) => number.toLocaleString("en");
    const all = total === 1 ? "1 entry" : `${said(total)} entries`;
    status.textContent = shown === total ? all : `${said(shown)} of ${all}`;
  };

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", apply);
  form.hidden = false;
  apply();
})();
