import type { Command, Option } from 'commander'
import { withCommonOptions } from '../context.js'
import { CommandExit } from '../exit.js'
import { exitCodes } from '../../control/api.js'
import { print } from '../output/talk.js'

/** `completion bash|zsh|fish`: prints a script that is generated from the commands. */
export function addCompletionCommand(program: Command): void {
  withCommonOptions(program.command('completion').argument('<shell>', 'bash, zsh or fish'))
    .description('print a completion script for bash, zsh or fish')
    .action((shell: string) => {
      const script = scripts[shell]
      if (!script) throw new CommandExit(exitCodes.usage, `the shell is "${shell}", wanted bash, zsh or fish`)
      print(script(program))
    })
}

const visible = (program: Command) => program.commands.filter((command) => command.name() !== 'help')

/** The options of a command and of its subcommands. */
const optionsOf = (command: Command): readonly Option[] => {
  const all = [command, ...visible(command)].flatMap(({ options }) => options)
  return all.filter(({ long }, index) => all.findIndex((other) => other.long === long) === index)
}
const wordsOf = (command: Command): string[] => [
  ...visible(command).map((own) => own.name()),
  ...optionsOf(command).flatMap(({ long }) => long ?? []),
]

const scripts: Record<string, (program: Command) => string> = {
  bash: (program) => `_handover() {
  local word=\${COMP_WORDS[COMP_CWORD]} command=\${COMP_WORDS[1]}
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${visible(program)
      .map((command) => command.name())
      .join(' ')}" -- "$word"))
    return
  fi
  case "$command" in
${visible(program)
  .map(
    (command) =>
      `    ${command.name()}) COMPREPLY=($(compgen -W "${wordsOf(command).join(' ')}" -f -- "$word")) ;;`,
  )
  .join('\n')}
  esac
}
complete -F _handover handover`,

  zsh: (program) => `#compdef handover
_handover() {
  local -a commands
  commands=(
${visible(program)
  .map((command) => `    ${quoted(`${command.name()}:${command.description()}`)}`)
  .join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  case "$words[2]" in
${visible(program)
  .map(
    (command) =>
      `    ${command.name()}) _arguments ${optionsOf(command)
        .flatMap(({ long }) => long ?? [])
        .map(quoted)
        .join(' ')} ${filesOr(command)} ;;`,
  )
  .join('\n')}
  esac
}
compdef _handover handover`,

  fish: (program) =>
    visible(program)
      .flatMap((command) => [
        `complete -c handover -n __fish_use_subcommand -a ${command.name()} -d ${quoted(command.description())}`,
        ...visible(command).map(
          (own) =>
            `complete -c handover -n '__fish_seen_subcommand_from ${command.name()}' -a ${own.name()} -d ${quoted(own.description())}`,
        ),
        ...optionsOf(command).map(
          (option) =>
            `complete -c handover -n '__fish_seen_subcommand_from ${command.name()}' -l ${(option.long ?? '').slice(2)} -d ${quoted(option.description)}`,
        ),
      ])
      .join('\n'),
}

/** What zsh completes besides options: subcommands if there are any, otherwise files. */
const filesOr = (command: Command): string =>
  visible(command).length === 0
    ? `'*:file:_files'`
    : quoted(
        `*:command:(${visible(command)
          .map((own) => own.name())
          .join(' ')})`,
      )

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`
