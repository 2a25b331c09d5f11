// cachemodel: the command line tool: the commands and what each of them takes.
// SPDX-License-Identifier: MIT
#include "command_table.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>
#include <vector>

#include "exit.hpp"

namespace cachemodel::tool {

namespace {

constexpr std::size_t any = std::numeric_limits<std::size_t>::max();
constexpr std::array commands{
    CommandShape{"get", " --raw --final --escaped ", 1, any, "get KEY..."},
    CommandShape{"keys", " --limit --final --escaped ", 0, 1, "keys [PREFIX]"},
    CommandShape{"dump", " --final --escaped ", 1, 1, "dump KEY"},
    CommandShape{"erase", " --final --escaped ", 1, any, "erase KEY..."},
    CommandShape{"touch", " --final --escaped ", 2, 2, "touch KEY LIFETIME"},
    CommandShape{"set", " --timeout --integer --final --escaped ", 2, 2, "set KEY TEXT"},
    CommandShape{"clear", " --prefix --yes ", 0, 0, "clear [--prefix] [--yes]"},
    CommandShape{"create-table", " --dry-run ", 0, 0, "create-table [--dry-run]"},
    CommandShape{"stats", " ", 0, 0, "stats"},
    CommandShape{"help", " ", 0, 1, "help [COMMAND]"},
    CommandShape{"version", " ", 0, 0, "version"},
};

/// What other programs call the same.
constexpr std::array<std::pair<std::string_view, std::string_view>, 23> elsewhere{{
    {"cat", "get"},          {"del", "erase"},    {"delete", "erase"},    {"empty", "clear"},
    {"expire", "touch"},     {"flush", "clear"},  {"flush_all", "clear"}, {"flushall", "clear"},
    {"flushdb", "clear"},    {"info", "stats"},   {"inspect", "dump"},    {"list", "keys"},
    {"ls", "keys"},          {"mget", "get"},     {"purge", "clear"},     {"put", "set"},
    {"read", "get"},         {"remove", "erase"}, {"rm", "erase"},        {"scan", "keys"},
    {"show", "get or dump"}, {"unlink", "erase"}, {"write", "set"},
}};

/// How many letters have to be changed, added, left out or swapped with their neighbour (optimal
/// string alignment distance).
std::size_t distance(std::string_view written, std::string_view meant) {
    std::vector<std::vector<std::size_t>> rows(written.size() + 1,
                                               std::vector<std::size_t>(meant.size() + 1));
    for (std::size_t i = 0; i <= written.size(); ++i) {
        for (std::size_t j = 0; j <= meant.size(); ++j) {
            if (i == 0 || j == 0) {
                rows[i][j] = i + j;
                continue;
            }
            const std::size_t changed =
                rows[i - 1][j - 1] + (written[i - 1] == meant[j - 1] ? 0 : 1);
            rows[i][j] = std::min({changed, rows[i - 1][j] + 1, rows[i][j - 1] + 1});
            if (i > 1 && j > 1 && written[i - 1] == meant[j - 2] &&
                written[i - 2] == meant[j - 1]) {
                rows[i][j] = std::min(rows[i][j], rows[i - 2][j - 2] + 1);
            }
        }
    }
    return rows.back().back();
}

/// "get or set"; empty where nothing is near.
std::string meant_by(std::string_view written) {
    constexpr std::size_t longest = 20;  // of what may have been a command at all
    if (written.size() > longest) return {};
    std::string word{written};
    for (char& c : word) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    for (const auto& [name, ours] : elsewhere) {
        if (word == name) return std::string{ours};
    }
    std::string meant;
    std::size_t nearest = 2;  // in the long names; one in the short ones
    for (const auto& command : commands) {
        constexpr std::size_t short_name = 5;
        const bool begins = word.size() >= 3 && command.name.starts_with(word);
        const std::size_t off = begins ? 0 : distance(word, command.name);
        if (off > nearest || (off > 1 && command.name.size() <= short_name)) continue;
        if (off < nearest) meant.clear();
        nearest = off;
        meant.append(meant.empty() ? "" : " or ").append(command.name);
    }
    return meant;
}

}  // namespace

const CommandShape& command_named(const std::string& name) {
    const auto* const found =
        std::find_if(commands.begin(), commands.end(),
                     [&](const auto& command) { return command.name == name; });
    if (found != commands.end()) return *found;
    const std::string meant = meant_by(name);
    throw Problem{Exit::usage, "there is no command " + name +
                                   (meant.empty() ? "" : "; did you mean " + meant + '?') +
                                   (meant.empty() ? "; " : " ") + "cachemodel help lists them"};
}

}  // namespace cachemodel::tool
