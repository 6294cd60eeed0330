/** Finds the word that somebody probably meant. */

/** How many letters must be added, dropped, changed or swapped with their neighbour to get from one word to the other. */
function distance(from: string, to: string): number {
  const rows: number[][] = [Array.from({ length: to.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number): number => rows[row]?.[column] ?? 0;
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= to.length; j++) {
      const change = at(i - 1, j - 1) + (from[i - 1] === to[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      const swap = swapped ? at(i - 2, j - 2) + 1 : change;
      row.push(Math.min(change, swap, at(i - 1, j) + 1, at(i, j - 1) + 1));
    }
  }
  return at(from.length, to.length);
}

function closest(word: string, known: readonly string[]): string | undefined {
  if (word.length > 40) return undefined;
  const ranked = known
    .map((name) => ({ name, far: distance(word.toLowerCase(), name.toLowerCase()) }))
    .filter(({ name, far }) => far <= 2 && far < name.length)
    .sort((a, b) => a.far - b.far);
  return ranked[0]?.name;
}

/** `unknown step 'sya', did you mean 'say'?`, or what there is when nothing is near. */
export function unknownWord(what: string, word: string, known: readonly string[]): string {
  const near = closest(word, known);
  const shown = word.length > 40 ? `${word.slice(0, 40)}…` : word;
  return `unknown ${what} '${shown}', ${near ? `did you mean '${near}'?` : `expected one of ${known.join(", ")}`}`;
}
