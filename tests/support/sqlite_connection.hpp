// cachemodel: an application's own connection to an SQLite database.
// SPDX-License-Identifier: MIT
#pragma once

#include <sqlite3.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace cachemodel::support {

/// A connection that nobody but the test has.
class SqliteConnection {
 public:
    explicit SqliteConnection(const std::string& path) {
        sqlite3* opened = nullptr;
        const int result = sqlite3_open(path.c_str(), &opened);
        handle_.reset(opened);
        if (result != SQLITE_OK) throw std::runtime_error{"cannot open " + path};
    }

    void execute(const std::string& sql) const {
        if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
            throw std::runtime_error{sql + ": " + sqlite3_errmsg(handle_.get())};
        }
    }

    /// The first column of the first row; empty where there is none.
    std::string ask(const std::string& sql) const {
        std::string answer;
        const auto take = [](void* text, int, char** values, char**) {
            *static_cast<std::string*>(text) = values[0] == nullptr ? "" : values[0];
            return 0;
        };
        if (sqlite3_exec(handle_.get(), sql.c_str(), take, &answer, nullptr) != SQLITE_OK) {
            throw std::runtime_error{sql + ": " + sqlite3_errmsg(handle_.get())};
        }
        return answer;
    }

 private:
    struct Close {
        void operator()(sqlite3* handle) const noexcept { sqlite3_close_v2(handle); }
    };
    std::unique_ptr<sqlite3, Close> handle_;
};

}  // namespace cachemodel::support
