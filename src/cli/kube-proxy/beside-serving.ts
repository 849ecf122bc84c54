import { SettingFiles } from '../../kernel/sysctl/settings.ts'
import type { Logger } from '../../observe/log.ts'
import { EXIT } from '../exit-codes.ts'
import type { Beside } from '../to-nft.ts'
import type { KubeProxySettings } from './settings.ts'
import { FileWatch } from './watch-file.ts'

/**
 * What goes with serving as kube-proxy would: says once what does not apply, makes the process less likely to be killed for want
 * of memory, and ends it when its configuration file changes.
 */
export function besideServing({ options, file, inapplicable }: KubeProxySettings): Beside {
  return (log, end) => {
    if (file !== undefined && file.oddities.length > 0) {
      log.warn(`${file.path}: ${file.oddities.join(', ')}: passed over`)
    }
    if (inapplicable.size > 0) {
      log.warn({ settings: Object.fromEntries(inapplicable) }, 'settings of kube-proxy do not apply to Sluice')
    }
    if (options.oomScoreAdj !== undefined && !options.dryRun) adjustOomScore(Number(options.oomScoreAdj), log)
    if (file === undefined) return { close: () => {} }
    return new FileWatch(file.path, file.content, (how) => {
      log.info(
        { file: file.path },
        `the configuration file ${how}: ending, to be started again; the rules stay in the kernel`,
      )
      end(EXIT.reconfigured)
    })
  }
}

/** To lower it needs CAP_SYS_RESOURCE. */
function adjustOomScore(value: number, log: Logger): void {
  try {
    new SettingFiles().write('/proc/self/oom_score_adj', value)
  } catch (error) {
    log.warn({ err: error }, 'oomScoreAdj is left as it is')
  }
}
