// cachemodel: the command line tool.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <csignal>
#include <span>
#include <string_view>

#include "commands.hpp"
#include "json_text.hpp"

namespace cachemodel::tool {

namespace {

struct Command {
    std::string_view name;
    void (*run)(Session& session);
};

constexpr std::array commands{Command{"get", &get},        Command{"keys", &keys},
                              Command{"dump", &dump},      Command{"erase", &erase},
                              Command{"touch", &touch},    Command{"set", &set},
                              Command{"clear", &clear},    Command{"create-table", &create_table},
                              Command{"stats", &stats},    Command{"help", &help},
                              Command{"version", &version}};

void run(Session& session, std::span<char* const> words) {
    session.arguments.json = wants_json(words);
    session.arguments = parse_arguments(words);
    session.document["command"] = session.arguments.command;
    const auto* const command =
        std::find_if(commands.begin(), commands.end(),
                     [&](const auto& each) { return each.name == session.arguments.command; });
    command->run(session);
    session.screen.flush();
}

/// Does `step`; what it throws becomes a message. The exit code.
template <class Step>
Exit guarded(Session& session, Step step) {
    try {
        step();
        return session.exit();
    } catch (...) {
        const Caught why = caught();
        session.complain(why.message);
        return why.exit;
    }
}

int run_all(std::span<char* const> words) {
    // A server that has gone must not end the program; a reader that has gone does, in `Screen`.
    std::signal(SIGPIPE, SIG_IGN);
    Screen screen;
    Session session{screen};
    Exit exit = guarded(session, [&] { run(session, words); });
    if (session.arguments.json) {
        session.document["exit"] = static_cast<int>(exit);
        const Exit printed = guarded(session, [&] {
            screen.show(text_of(session.document) + '\n', Shown::json);
            screen.flush();
        });
        if (exit == Exit::done) exit = printed;
    }
    return static_cast<int>(exit);
}

}  // namespace

}  // namespace cachemodel::tool

int main(int count, char** words) {
    try {
        return cachemodel::tool::run_all(
            std::span{words, static_cast<std::size_t>(count)}.subspan(1));
    } catch (...) {  // no memory even for the message
        return static_cast<int>(cachemodel::tool::Exit::failed);
    }
}
