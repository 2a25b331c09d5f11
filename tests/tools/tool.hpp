// cachemodel: the command line tool as a child process, with pipes or on a terminal.
// SPDX-License-Identifier: MIT
#pragma once

#include <nlohmann/json.hpp>

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

namespace cachemodel::support {

/// How a program ended, and what it wrote.
struct Ran {
    int exit = -1;  ///< 128 and its number where a signal ended it, as in a shell
    std::string out;
    std::string err;
};

/// Variables beside those that every run has. Nobody has CACHEMODEL_URL or NO_COLOR otherwise.
using Environment = std::vector<std::pair<std::string, std::string>>;

/// Runs a command, which is found where the tool is too, and waits until it has ended; at most 60
/// seconds. Its standard input is empty.
Ran run(const std::vector<std::string>& command, const Environment& environment = {});

/// The tool on one cache.
class Tool {
 public:
    explicit Tool(std::string url) : url_(std::move(url)) {}

    Ran operator()(std::vector<std::string> words) const;
    /// Its document, for which it was given `--json`.
    nlohmann::json json(std::vector<std::string> words) const;

 private:
    std::string url_;
};

/// A command on a terminal of its own.
class Terminal {
 public:
    explicit Terminal(const std::vector<std::string>& command, const Environment& environment = {});
    ~Terminal();

    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;

    /// Reads until it has shown `text`; false where it ends without.
    bool shows(const std::string& text);
    void type(const std::string& text) const;
    /// Reads until the command has ended; its exit code, as in `Ran`.
    int end();
    /// All that it has shown so far, with the terminal's own line ends.
    const std::string& shown() const noexcept { return shown_; }

 private:
    bool read_some();

    pid_t id_ = -1;
    int terminal_ = -1;
    std::string shown_;
};

}  // namespace cachemodel::support
