// cachemodel: the command line tool: its command line.
// SPDX-License-Identifier: MIT
#include "arguments.hpp"

#include <cachemodel/cache_url.hpp>
#include <cachemodel/error.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <system_error>

#include "exit.hpp"

namespace cachemodel::tool {

namespace {

struct Command {
    std::string_view name;
    std::string_view options;  ///< its own, each between spaces
    std::size_t least_words;
    std::size_t most_words;
    std::string_view usage;
};

constexpr std::size_t any = std::numeric_limits<std::size_t>::max();
constexpr std::array commands{
    Command{"get", " --raw --final --escaped ", 1, any, "get KEY..."},
    Command{"keys", " --limit --final --escaped ", 0, 1, "keys [PREFIX]"},
    Command{"dump", " --final --escaped ", 1, 1, "dump KEY"},
    Command{"erase", " --final --escaped ", 1, any, "erase KEY..."},
    Command{"touch", " --final --escaped ", 2, 2, "touch KEY LIFETIME"},
    Command{"set", " --timeout --integer --final --escaped ", 2, 2, "set KEY TEXT"},
    Command{"clear", " --prefix --yes ", 0, 0, "clear"},
    Command{"create-table", " --dry-run ", 0, 0, "create-table [--dry-run]"},
    Command{"stats", " ", 0, 0, "stats"},
    Command{"help", " ", 0, 1, "help [COMMAND]"},
    Command{"version", " ", 0, 0, "version"},
};

struct Flag {
    std::string_view name;
    bool Arguments::*value;
};
constexpr std::array flags{
    Flag{"--json", &Arguments::json},
    Flag{"--help", &Arguments::help},
    Flag{"-h", &Arguments::help},
    Flag{"--raw", &Arguments::raw},
    Flag{"--final", &Arguments::final_keys},
    Flag{"--escaped", &Arguments::escaped},
    Flag{"--integer", &Arguments::integer},
    Flag{"--prefix", &Arguments::prefix_only},
    Flag{"--yes", &Arguments::yes},
    Flag{"--dry-run", &Arguments::dry_run},
};
constexpr std::string_view options_of_all = " --cache --json --help -h --version ";
constexpr std::string_view options_with_values = " --cache --limit --timeout ";

[[noreturn]] void refuse(const std::string& message) { throw Problem{Exit::usage, message}; }

bool contains(std::string_view list, std::string_view option) {
    return list.find(std::string{' '}.append(option) + ' ') != std::string_view::npos;
}

std::size_t parse_limit(std::string_view text) {
    std::size_t limit = 0;
    const char* const end = text.data() + text.size();
    const auto [stopped_at, error] = std::from_chars(text.data(), end, limit);
    if (error != std::errc{} || stopped_at != end || limit == 0) {
        refuse("--limit: expected is a whole number from 1");
    }
    return limit;
}

/// Where somebody forgot `--cache`, the URL and its password stand here.
void refuse_url(std::string_view word) {
    if (word.find("://") != std::string_view::npos) {
        refuse("the URL of a cache follows --cache, or stands in CACHEMODEL_URL");
    }
}

const Command& command_named(std::string_view name) {
    refuse_url(name);
    const auto* const found =
        std::find_if(commands.begin(), commands.end(),
                     [&](const auto& command) { return command.name == name; });
    if (found == commands.end()) {
        refuse("there is no command " + std::string{name} + "; cachemodel help lists them");
    }
    return *found;
}

/// Takes an option's value from behind its equals sign, or the next word.
class Words {
 public:
    explicit Words(std::span<char* const> words) : words_(words) {}

    bool next(std::string_view& word) {
        if (at_ == words_.size()) return false;
        word = words_[at_++];
        return true;
    }
    std::string value_of(std::string_view option, std::string_view word) {
        std::string_view value;
        if (word.size() > option.size()) {
            value = word.substr(option.size() + 1);
        } else if (!next(value)) {
            value = {};
        }
        if (value.empty()) refuse(std::string{option} + " needs a value");
        return std::string{value};
    }

 private:
    std::span<char* const> words_;
    std::size_t at_ = 0;
};

void check(const Arguments& arguments, const std::vector<std::string>& options) {
    const Command& command = command_named(arguments.command);
    for (const auto& option : options) {
        if (!contains(command.options, option) && !contains(options_of_all, option)) {
            refuse(arguments.command + " has no option " + option + "; cachemodel help " +
                   arguments.command + " lists its options");
        }
    }
    if (arguments.help) return;
    const auto count = arguments.words.size();
    if (count < command.least_words || count > command.most_words) {
        refuse("the usage is: cachemodel " + std::string{command.usage});
    }
    if (arguments.command == "help" && count == 1) command_named(arguments.words.front());
    if (arguments.raw && count != 1) refuse("--raw takes one KEY");
}

}  // namespace

Arguments parse_arguments(std::span<char* const> words) {
    Arguments arguments;
    std::vector<std::string> options;
    bool version = false;
    bool only_words = false;
    Words left{words};
    for (std::string_view word; left.next(word);) {
        if (only_words || word.size() < 2 || word.front() != '-') {
            if (arguments.command.empty()) {
                if (word.empty()) refuse("the command is empty");
                arguments.command = word;
            } else {
                arguments.words.emplace_back(word);
            }
            continue;
        }
        if (word == "--") {
            only_words = true;
            continue;
        }
        const std::string option{word.substr(0, word.find('='))};
        const auto* const flag = std::find_if(
            flags.begin(), flags.end(), [&](const auto& each) { return each.name == option; });
        if (flag != flags.end() || option == "--version") {
            if (option != word) refuse(option + " takes no value");
            (flag != flags.end() ? arguments.*(flag->value) : version) = true;
        } else if (contains(options_with_values, option)) {
            if (std::find(options.begin(), options.end(), option) != options.end()) {
                refuse(option + " is given twice");
            }
            const std::string value = left.value_of(option, word);
            if (option == "--cache") arguments.url = value;
            if (option == "--limit") arguments.limit = parse_limit(value);
            if (option == "--timeout") arguments.timeout = parse_lifetime(value);
        } else {
            refuse_url(option);
            refuse("there is no option " + option + "; cachemodel help lists them");
        }
        options.push_back(option);
    }
    if (version) {
        arguments.command = "version";
        arguments.words.clear();
    }
    if (arguments.command.empty()) {
        if (!arguments.help) refuse("a command is missing; cachemodel help lists them");
        arguments.command = "help";
    }
    check(arguments, options);
    if (arguments.help && arguments.command != "help") {
        arguments.words = {arguments.command};
        arguments.command = "help";
    }
    if (arguments.url.empty()) {
        if (const char* const url = std::getenv("CACHEMODEL_URL")) arguments.url = url;
    }
    return arguments;
}

bool wants_json(std::span<char* const> words) {
    for (const std::string_view word : words) {
        if (word == "--") return false;
        if (word == "--json") return true;
    }
    return false;
}

Lifetime parse_lifetime(std::string_view text) {
    const bool is_plain = std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '.';
    });
    if (is_plain && !text.empty()) {
        try {
            auto url = CacheUrl::parse("null://?timeout=" + std::string{text});
            const Lifetime lifetime = url.take_lifetime("timeout", never);
            if (!lifetime.is_over()) return lifetime;
        } catch (const ConfigError&) {  // said below, without the URL that nobody has written
        }
    }
    refuse(
        "a lifetime is a number of seconds such as 60 or 1.5, a duration such as 15min, or never; "
        "what is to go at once is erased");
}

}  // namespace cachemodel::tool
