// Some views of one thing, one at a time; arrows move between them.

import { h, uid } from '../lib/dom.js';

/** Views are {title: element}. */
export function tabs(label, views) {
  const heads = [];
  const panels = [];
  const choose = (index, focus) =>
    heads.forEach((tab, at) => {
      tab.setAttribute('aria-selected', at === index);
      tab.tabIndex = at === index ? 0 : -1;
      panels[at].hidden = at !== index;
      if (focus && at === index) tab.focus();
    });
  for (const [index, [title, view]] of Object.entries(views).entries()) {
    const id = uid('tab');
    heads.push(
      h(
        'button',
        {
          type: 'button',
          role: 'tab',
          id,
          'aria-controls': `${id}-panel`,
          onclick: () => choose(index),
          onkeydown: ({ key }) => {
            const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
            if (step) choose((index + step + heads.length) % heads.length, true);
          },
        },
        title,
      ),
    );
    panels.push(h('div', { role: 'tabpanel', id: `${id}-panel`, 'aria-labelledby': id }, view));
  }
  choose(0);
  return h(
    'div',
    { class: 'stack' },
    h('div', { class: 'tabs', role: 'tablist', 'aria-label': label }, heads),
    panels,
  );
}
