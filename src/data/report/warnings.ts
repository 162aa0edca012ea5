import { type DatasetInfo, splitNames } from '../dataset.ts';
import type { DatasetReport } from './types.ts';

type Warnings = DatasetReport['warnings'];
const mostNamed = 10;

/** What a report says in words. */
export function reportWarnings(
  report: Omit<DatasetReport, 'warnings'>,
  info: Pick<DatasetInfo, 'samples' | 'inputShape'>,
  columns: { identifiers: string[]; deciding: string[] },
): Warnings {
  return [
    ...classWarnings(report),
    ...duplicateWarnings(report, info),
    ...blankWarnings(report),
    ...columnWarnings(columns),
  ];
}

function classWarnings({ classes }: Pick<DatasetReport, 'classes'>): Warnings {
  if (!classes) return [];
  const warnings: Warnings = [];
  const present = classes.filter(({ samples }) => samples.train > 0);
  const total = present.reduce((sum, { samples }) => sum + samples.train, 0);
  if (present.length === 1) {
    const message = `All samples to train on are of the class ${quote(present[0]!.class)}: there is nothing to tell apart.`;
    warnings.push({ code: 'one-class', message });
  }
  // Whole problems of four rows have no more.
  const few = present.filter(({ samples }) => samples.train < 3).map((one) => one.class);
  if (few.length > 0 && total >= 10) {
    warnings.push({ code: 'few-samples', message: `Fewer than 3 samples to train on of class ${listed(few)}.` });
  }
  const counts = present.map(({ samples }) => samples.train);
  const [least, most] = [counts.reduce((a, b) => Math.min(a, b), Infinity), counts.reduce((a, b) => Math.max(a, b), 0)];
  if (most > 10 * least && total >= 100) {
    const name = (count: number) => quote(present.find(({ samples }) => samples.train === count)!.class);
    const message = `The class ${name(most)} has ${most} samples to train on, ${name(least)} has ${least}: classWeights or more data would balance them.`;
    warnings.push({ code: 'imbalanced-classes', message });
  }
  const alike = new Map<string, string[]>();
  for (const { class: name } of classes) {
    const key = name
      .normalize('NFKC')
      .trim()
      .toLowerCase()
      .replace(/[\s_-]+/g, ' ');
    alike.set(key, [...(alike.get(key) ?? []), name]);
  }
  const groups = [...alike.values()].filter((names) => names.length > 1).map((names) => names.map(quote).join(' and '));
  if (groups.length > 0) {
    const shown = groups.slice(0, mostNamed).join('; ') + (groups.length > mostNamed ? '; …' : '');
    const message = `Classes whose names differ only in capitals, blanks, "_" or "-": ${shown}. Are they the same?`;
    warnings.push({ code: 'similar-classes', message });
  }
  return warnings;
}

function duplicateWarnings(
  { duplicates }: Pick<DatasetReport, 'duplicates'>,
  info: Pick<DatasetInfo, 'samples'>,
): Warnings {
  const warnings: Warnings = [];
  const percent = (count: number, all: number) => `${((100 * count) / all).toFixed(1)} %`;
  for (const split of splitNames) {
    const { repeated, inEarlierSplits, contradicting } = duplicates.splits[split];
    const rows = info.samples[split];
    if (repeated >= 0.05 * rows && repeated > 0 && rows >= 20) {
      const message = `${repeated} of ${rows} samples of ${split} (${percent(repeated, rows)}) have the same inputs as another one.`;
      warnings.push({ code: 'duplicate-samples', message });
    }
    if (inEarlierSplits >= 0.01 * rows && inEarlierSplits > 0) {
      const before = split === 'validation' ? 'train' : 'train or validation';
      const message = `${inEarlierSplits} of ${rows} samples of ${split} (${percent(inEarlierSplits, rows)}) stand in ${before}, too: its metrics will flatter.`;
      warnings.push({ code: 'duplicates-across-splits', message });
    }
    if (contradicting >= 0.01 * rows && contradicting > 0 && rows >= 20) {
      const message = `${contradicting} of ${rows} samples of ${split} have the inputs of another one, but another target.`;
      warnings.push({ code: 'contradicting-targets', message });
    }
  }
  return warnings;
}

function blankWarnings({ blank }: Pick<DatasetReport, 'blank'>): Warnings {
  if (!blank) return [];
  return splitNames.flatMap((split) => {
    if (blank.samples[split] === 0) return [];
    const first = blank.examples.filter((place) => place.split === split).map(({ index }) => String(index));
    const which = first.length > 0 ? `, sample ${listed(first, blank.samples[split])}` : '';
    return [{ code: 'blank-images', message: `${blank.samples[split]} images of ${split} are of one colour${which}.` }];
  });
}

function columnWarnings({ identifiers, deciding }: { identifiers: string[]; deciding: string[] }): Warnings {
  const warnings: Warnings = [];
  if (identifiers.length > 0) {
    const message = `Input ${listed(identifiers)}: whole numbers, none twice, as of an identifier or a row's number. A network can only learn it by heart.`;
    warnings.push({ code: 'identifier-column', message });
  }
  if (deciding.length > 0) {
    const message = `Input ${listed(deciding)} alone tells the target of every sample that was looked at. Is it known before the target is?`;
    warnings.push({ code: 'probable-leak', message });
  }
  return warnings;
}

function quote(name: string): string {
  return `"${name}"`;
}

function listed(names: string[], count = names.length): string {
  const shown = names.slice(0, mostNamed);
  return shown.join(', ') + (count > shown.length ? ` and ${count - shown.length} more` : '');
}
