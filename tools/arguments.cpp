// cachemodel: the command line tool: its command line.
// SPDX-License-Identifier: MIT
#include "arguments.hpp"

#include <cachemodel/cache_url.hpp>
#include <cachemodel/error.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <system_error>

#include "command_table.hpp"
#include "exit.hpp"

namespace cachemodel::tool {

namespace {

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
constexpr std::string_view options_of_all = " --cache --caches --name --json --help -h --version ";
constexpr std::string_view options_with_values = " --cache --caches --name --limit --timeout ";

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
    refuse_url(arguments.command);
    const CommandShape& command = command_named(arguments.command);
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
    if (arguments.command == "help" && count == 1) {
        refuse_url(arguments.words.front());
        command_named(arguments.words.front());
    }
    if (arguments.raw && count != 1) refuse("--raw takes one KEY");
}

std::string variable(const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? "" : value;
}

/// One cache: by its URL, or by a document and its name there. The environment has what the command
/// line does not say.
void find_cache(Arguments& arguments) {
    const bool has_name = !arguments.name.empty();
    if (!arguments.url.empty() && !arguments.document.empty()) {
        refuse("--cache and --caches are both given, and a command is about one cache");
    }
    if (arguments.url.empty() && arguments.document.empty()) {
        if (!has_name) arguments.url = variable("CACHEMODEL_URL");
        arguments.document = variable("CACHEMODEL_CACHES");
    }
    if (has_name && arguments.document.empty()) {
        refuse("--name is that of a cache in a document, which --caches gives");
    }
    if (!has_name) arguments.name = variable("CACHEMODEL_NAME");
    if (arguments.name.empty()) arguments.name = "default";
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
            if (option == "--caches" || option == "--name") refuse_url(value);
            if (option == "--cache") arguments.url = value;
            if (option == "--caches") arguments.document = value;
            if (option == "--name") arguments.name = value;
            if (option == "--limit") arguments.limit = parse_limit(value);
            if (option == "--timeout") arguments.timeout = parse_lifetime(value);
        } else {
            refuse_url(option);
            refuse("there is no option " + option + "; cachemodel help lists them" +
                   (option.starts_with("--") ? "" : ", and after -- nothing is one"));
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
    find_cache(arguments);
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
