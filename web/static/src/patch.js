// Makes what is shown equal to what was fetched, changing only what differs: focus, selection, scroll and whatever is
// open stay as they are. Elements are matched by data-key or id, others by their place.
// What a script has added is left alone: these attributes, and elements with data-kept.
const KEPT = new Set(["open", "data-arrived", "data-moves"]);

function isKept(node) {
  return node.nodeType === Node.ELEMENT_NODE && "kept" in node.dataset;
}

function keyOf(node) {
  return node.nodeType === Node.ELEMENT_NODE ? node.dataset.key || node.id || "" : "";
}

function patchAttributes(old, fresh) {
  for (const { name, value } of fresh.attributes) {
    if (!KEPT.has(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (!KEPT.has(name) && !fresh.hasAttribute(name)) old.removeAttribute(name);
  }
}

function patchChildren(old, fresh) {
  const keyed = new Map();
  for (const child of old.childNodes) {
    const key = keyOf(child);
    if (key) keyed.set(key, child);
  }
  let place = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    while (place && isKept(place)) place = place.nextSibling;
    const key = keyOf(wanted);
    const match = key ? keyed.get(key) : place && !keyOf(place) && place.nodeName === wanted.nodeName ? place : null;
    if (match) {
      keyed.delete(key);
      if (match === place) place = place.nextSibling;
      else old.insertBefore(match, place);
      patch(match, wanted);
    } else {
      if (key && wanted.dataset.key) wanted.dataset.arrived = "";
      old.insertBefore(wanted, place);
    }
  }
  while (place) {
    const next = place.nextSibling;
    if (!isKept(place)) place.remove();
    place = next;
  }
}

export function patch(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeName !== fresh.nodeName) {
    old.replaceWith(fresh);
  } else if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
  } else {
    patchAttributes(old, fresh);
    patchChildren(old, fresh);
  }
}
