import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Results } from '../peers/results.ts'
import { published } from './kube-nftlb.ts'
import { lifecycleTable, machineTable, measureSections, problemList } from './markdown.ts'
import { drawPlots } from './plots.ts'
import { targetTable } from './targets.ts'

const METHOD = new URL('method.md', import.meta.url)

/** Writes `FOLDER.md` and the plots in FOLDER, which has the results already. */
export async function writeReport(results: Results, folder: string): Promise<void> {
  for (const [name, svg] of await drawPlots(results)) writeFileSync(path.join(folder, `${name}.svg`), svg)
  writeFileSync(`${folder}.md`, page(results, path.basename(folder)))
}

function page(results: Results, folder: string): string {
  const plot = (name: string, text: string) => `![${text}](${folder}/${name}.svg)`
  const { rounds, boundSeconds } = results.options
  return `${[
    '# Benchmarks',
    `<!-- Written by \`npm run bench\` and \`npm run bench -- report\` from ${folder}/results.json: do not edit. -->`,
    `Sluice and what else proxies Services, side by side in one run: up to ${rounds} rounds in turn, ${boundSeconds} s at most for each load and change unless a line at the end says otherwise. Run it yourself: \`npm run bench\`; \`npm run bench -- --quick\` takes five minutes. All figures: [${folder}/results.json](${folder}/results.json).`,
    '## In pictures',
    plot('load', 'Time to program everything from nothing'),
    plot('change', 'Time to replace one endpoint'),
    plot('connect', 'connect() to the last Service'),
    plot('kernel-memory', 'Kernel memory'),
    '## What was aimed at',
    targetTable(results.cells),
    "## kube-nftlb's chart, made again",
    published,
    plot('kube-nftlb', 'One Service created and deleted'),
    lifecycleTable(results.lifecycles),
    '## The machine',
    machineTable(results),
    ...(results.note === undefined ? [] : [`**Of this run:** ${results.note}`]),
    readFileSync(METHOD, 'utf8').trim(),
    '## All figures',
    measureSections(results.cells),
    '## What did not finish',
    problemList(results.cells),
  ].join('\n\n')}\n`
}
