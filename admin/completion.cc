#include "admin/completion.h"

#include <functional>

namespace admin {

namespace {

using Value = CommandShape::Value;
using Visit = std::function<void(const CommandShape&, const std::string& path)>;

// Every command with the words that lead to it; the program itself has none.
void walk(const CommandShape& command, const std::string& path, const Visit& visit) {
    visit(command, path);
    for (const CommandShape& below : command.commands) {
        walk(below, path + (path.empty() ? "" : " ") + below.name, visit);
    }
}

// "file", "dir", "word", or "=one,another".
std::string value_text(const Value& value) {
    switch (value.kind) {
        case Value::Kind::None:
            return "";
        case Value::Kind::Word:
            return "word";
        case Value::Kind::File:
            return "file";
        case Value::Kind::Directory:
            return "dir";
        case Value::Kind::Choice:
            break;
    }
    std::string out;
    for (const std::string& choice : value.choices) out += (out.empty() ? "=" : ",") + choice;
    return out;
}

void append_word(std::string& list, const std::string& word) {
    if (!list.empty()) list += ' ';
    list += word;
}

constexpr std::string_view kBashFunctions = R"(
# Which kind of value stands behind the option $1: into $kind.
_meridian_kind() {
    local one
    kind=
    for one in $values; do
        if [[ $one == "$1:"* ]]; then kind=${one#*:}; fi
    done
}

_meridian() {
    local cur=${COMP_WORDS[COMP_CWORD]} path= kind= word= i place=0
    local commands options values places
    COMPREPLY=()
    _meridian_at ""
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $word == [:=] ]]; then
            i=$((i + 1)) # bash parts words there, we do not
        elif [[ -n $kind ]]; then
            kind=
        elif [[ $word == -* ]]; then
            _meridian_kind "$word"
        elif [[ " $commands " == *" $word "* ]]; then
            path=${path:+$path }$word
            place=0
            _meridian_at "$path"
        else
            place=$((place + 1))
        fi
    done
    if [[ -z $kind && $cur == -* ]]; then
        kind="=${options// /,}"
    elif [[ -z $kind && -n $commands ]]; then
        kind="=${commands// /,}"
    elif [[ -z $kind ]]; then
        for word in $places; do
            if ((place-- == 0)); then kind=$word; fi
        done
    fi
    local IFS=$'\n'
    case $kind in
    file)
        compopt -o filenames 2>/dev/null
        COMPREPLY=($(compgen -f -- "$cur"))
        ;;
    dir)
        compopt -o filenames 2>/dev/null
        COMPREPLY=($(compgen -d -- "$cur"))
        ;;
    =*)
        kind=${kind#=}
        COMPREPLY=($(compgen -W "${kind//,/$'\n'}" -- "$cur"))
        ;;
    esac
}
complete -F _meridian meridian
)";

std::string bash_script(const CommandShape& program) {
    std::string out =
        "# What there is at a command: its commands, its options, those with a value and of which\n"
        "# kind, and the kinds of its arguments.\n"
        "_meridian_at() {\n"
        "    commands= options= values= places=\n"
        "    case \"$1\" in\n";
    walk(program, "", [&](const CommandShape& command, const std::string& path) {
        std::string commands, options, values, places;
        for (const CommandShape& below : command.commands) append_word(commands, below.name);
        for (const CommandShape::Option& option : command.options) {
            for (const std::string& name : option.names) {
                append_word(options, name);
                if (option.value.kind == Value::Kind::None) continue;
                append_word(values, name + ':' + value_text(option.value));
            }
        }
        for (const Value& argument : command.arguments) {
            append_word(places, value_text(argument));
        }
        out += "    \"" + path + "\")\n";
        if (!commands.empty()) out += "        commands=\"" + commands + "\"\n";
        out += "        options=\"" + options + "\"\n";
        if (!values.empty()) out += "        values=\"" + values + "\"\n";
        if (!places.empty()) out += "        places=\"" + places + "\"\n";
        out += "        ;;\n";
    });
    out += "    esac\n}\n";
    return out + std::string(kBashFunctions);
}

std::string fish_quoted(std::string_view text) {
    std::string out = "'";
    for (const char c : text) {
        if (c == '\'' || c == '\\') out += '\\';
        out += c;
    }
    return out + '\'';
}

// What fish is told of a value: nothing follows, files, one of these, or anything.
std::string fish_value(const Value& value) {
    switch (value.kind) {
        case Value::Kind::None:
            return "";
        case Value::Kind::Word:
            return " -x";
        case Value::Kind::File:
            return " -r -F";
        case Value::Kind::Directory:
            return " -x -a '(__fish_complete_directories)'";
        case Value::Kind::Choice:
            break;
    }
    std::string words;
    for (const std::string& choice : value.choices) append_word(words, choice);
    return " -x -a " + fish_quoted(words);
}

std::string fish_script(const CommandShape& program) {
    std::string known, lines;
    walk(program, "", [&](const CommandShape& command, const std::string& path) {
        if (!path.empty()) append_word(known, fish_quoted(path));
        const std::string here =
            "complete -c meridian -n " + fish_quoted("__meridian_at '" + path + "'");
        for (const CommandShape& below : command.commands) {
            lines += here + " -a " + below.name + " -d " + fish_quoted(below.help) + '\n';
        }
        for (const CommandShape::Option& option : command.options) {
            lines += here;
            for (const std::string& name : option.names) {
                lines += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
            }
            lines += fish_value(option.value) + " -d " + fish_quoted(option.help) + '\n';
        }
        for (const Value& argument : command.arguments) {
            if (argument.kind == Value::Kind::File) lines += here + " -F\n";
            if (argument.kind == Value::Kind::Directory || argument.kind == Value::Kind::Choice) {
                lines += here + fish_value(argument).substr(3) + '\n';  // without -x
            }
        }
    });
    return "function __meridian_at\n"
           "    set -l known " +
           known +
           "\n"
           "    set -l path\n"
           "    for word in (commandline -opc)[2..-1]\n"
           "        if contains -- (string join -- ' ' $path $word) $known\n"
           "            set path $path $word\n"
           "        end\n"
           "    end\n"
           "    test (string join -- ' ' $path | string collect --allow-empty) = $argv[1]\n"
           "end\n"
           "complete -c meridian -f\n" +
           lines;
}

}  // namespace

std::string completion_script(const CommandShape& program, std::string_view shell) {
    if (shell == "bash") return bash_script(program);
    if (shell == "zsh") {
        // zsh runs functions that were written for bash.
        return "#compdef meridian\nautoload -U +X bashcompinit && bashcompinit\n" +
               bash_script(program);
    }
    return shell == "fish" ? fish_script(program) : "";
}

}  // namespace admin
