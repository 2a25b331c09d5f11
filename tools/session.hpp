// cachemodel: the command line tool: what its commands have in common.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

#include "arguments.hpp"
#include "exit.hpp"
#include "screen.hpp"

namespace cachemodel::tool {

/// One run of the program: what it was asked, where it prints, and the document of `--json`.
class Session {
 public:
    explicit Session(Screen& output) : screen(output) {}

    Screen& screen;
    Arguments arguments = {};
    nlohmann::json document = nlohmann::json::object();

    /// Text for people; nothing with `--json`.
    void show(std::string_view text, Shown how = Shown::line);
    void show_line(std::string_view text, Look look = Look::plain);
    /// A message on standard error, and in the document.
    void complain(const std::string& message);
    void warn(const std::string& message);
    /// Nothing there: a message, and the exit code unless something worse has happened.
    void absent(const std::string& message);
    /// Could not be done, or could not tell.
    void failed(const std::string& prefix, const Failure& failure);
    void failed(const std::string& message);

    Exit exit() const noexcept { return exit_; }

 private:
    Exit exit_ = Exit::done;
};

/// The exit code that an exception, which is being handled, stands for, and its message.
struct Caught {
    Exit exit;
    std::string message;
};
Caught caught();

}  // namespace cachemodel::tool
