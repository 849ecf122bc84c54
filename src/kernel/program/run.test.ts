import { expect, test } from 'vitest'
import { ProgramError, runProgram } from './run.ts'

async function failure(program: string, args: readonly string[]): Promise<ProgramError> {
  const error: unknown = await runProgram(program, args).catch((thrown: unknown) => thrown)
  if (error instanceof ProgramError) return error
  throw new Error('it did not fail')
}

test('gives input, and takes output without a shell', async () => {
  expect(await runProgram('cat', ['-', '/dev/null'], '$HOME; *')).toBe('$HOME; *')
})

test('a failure repeats what the program wrote', async () => {
  const { code, message } = await failure('cat', ['/nowhere/at/all'])
  expect(code).toBe('PROGRAM_FAILED')
  expect(message).toMatch(/^cat ended with code 1: .*\/nowhere\/at\/all/)
})

test('one that does not read its input fails by its exit code', async () => {
  const error: unknown = await runProgram('false', [], 'x'.repeat(1 << 20)).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'PROGRAM_FAILED', message: 'false ended with code 1: ' })
})

test('a missing program is told from one that fails', async () => {
  expect((await failure('no-such-program', [])).code).toBe('PROGRAM_MISSING')
})
