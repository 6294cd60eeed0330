/** Which of the forms on offer a caller would like best, by its Accept header. */

interface Range {
  readonly type: string;
  readonly q: number;
  readonly at: number;
}

function parseRange(text: string, at: number): Range {
  const [type = "", ...parameters] = text.split(";").map((part) => part.trim().toLowerCase());
  const q = parameters.find((part) => part.startsWith("q="))?.slice(2);
  const weight = q === undefined || !/^\d*\.?\d+$|^\d+\.$/.test(q) ? 1 : Math.min(1, Number(q));
  return { type, q: weight, at };
}

/** How exactly a range names a type: not at all, as anything, by its family, or by its name. */
function exactness(range: string, type: string): number {
  if (range === type) return 3;
  if (range === `${type.split("/")[0]}/*`) return 2;
  return range === "*/*" ? 1 : 0;
}

interface Candidate {
  readonly form: string;
  readonly q: number;
  readonly exact: number;
  readonly at: number;
}

function candidate(form: string, type: string, ranges: readonly Range[]): Candidate | undefined {
  const fitting = ranges
    .map((range) => ({ form, exact: exactness(range.type, type), q: range.q, at: range.at }))
    .filter(({ exact }) => exact > 0)
    .sort((a, b) => b.exact - a.exact || b.q - a.q);
  const [best] = fitting;
  return best && best.q > 0 ? best : undefined;
}

/**
 * The best of what is offered, or undefined when nothing is acceptable. Of equally wanted forms the one named more exactly
 * wins, then the one named first, then the one offered first.
 */
export function chooseForm<Form extends string>(
  accept: string | null,
  offered: Readonly<Record<Form, string>>,
): Form | undefined {
  const ranges = (accept?.trim() || "*/*").split(",").map(parseRange);
  const forms = Object.keys(offered) as Form[];
  const candidates = forms.map((form) => candidate(form, offered[form], ranges)).filter((one) => one !== undefined);
  const [best] = candidates.sort((a, b) => b.q - a.q || b.exact - a.exact || a.at - b.at);
  return forms.find((form) => form === best?.form);
}
