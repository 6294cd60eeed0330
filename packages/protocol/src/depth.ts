/** How deep a JSON text is nested: deeper values than a bound overflow the stack of whoever writes them down later. */

export const deepestJson = 200;

const [quote, backslash, openList, closeList, openObject, closeObject] = [34, 92, 91, 93, 123, 125];

/** How deep the brackets of a JSON text are nested, at most. */
export function depthOf(text: string): number {
  let [depth, most, inString] = [0, 0, false];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (inString) {
      if (code === backslash) at++;
      else if (code === quote) inString = false;
    } else if (code === quote) inString = true;
    else if (code === openList || code === openObject) most = Math.max(most, ++depth);
    else if (code === closeList || code === closeObject) depth--;
  }
  return most;
}
