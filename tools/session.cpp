// cachemodel: the command line tool: what its commands have in common.
// SPDX-License-Identifier: MIT
#include "session.hpp"

#include <exception>

namespace cachemodel::tool {

void Session::show(std::string_view text, Shown how) {
    if (!arguments.json) screen.show(text, how);
}

void Session::show_line(std::string_view text, Look look) {
    if (!arguments.json) screen.write(screen.dressed(visible(text, Shown::message), look) + '\n');
}

void Session::complain(const std::string& message) {
    document["errors"].push_back(visible(message, Shown::message));
    screen.complain(message);
}

void Session::warn(const std::string& message) {
    document["warnings"].push_back(visible(message, Shown::message));
    screen.complain("warning: " + message);
}

void Session::absent(const std::string& message) {
    complain(message);
    if (exit_ == Exit::done) exit_ = Exit::absent;
}

void Session::failed(const std::string& prefix, const Failure& failure) {
    try {
        failure.rethrow();
    } catch (...) {
        const Caught why = caught();
        complain(prefix + why.message);
        exit_ = why.exit;
    }
}

void Session::failed(const std::string& message) {
    complain(message);
    exit_ = Exit::failed;
}

Caught caught() {
    try {
        throw;
    } catch (const Problem& problem) {
        return {problem.exit(), problem.what()};
    } catch (const ConfigError& error) {
        return {Exit::configuration, error.what()};
    } catch (const InvalidKey& error) {
        return {Exit::usage, error.what()};
    } catch (const BackendError& error) {
        const bool can = error.fault() != BackendFault::unsupported;
        return {can ? Exit::failed : Exit::refused, error.what()};
    } catch (const std::exception& error) {
        return {Exit::failed, error.what()};
    }
}

}  // namespace cachemodel::tool
