// cachemodel: the command line tool: the cache that a command is about.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cache.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "session.hpp"

namespace cachemodel::tool {

/// A key of the command line.
struct NamedKey {
    std::string shown;  ///< in one line
    std::string final_key;
    std::string model_key;    ///< as it was given; empty where it was given as a final key
    std::string advice = {};  ///< how it may have to be given instead; empty where nothing is odd

    /// The message about it.
    std::string nothing_there() const;
};

/// The answer of the backend about one key.
struct Answer {
    bool is_there = false;
    std::string bytes;
    std::optional<Failure> failure;
};

class Target {
 public:
    /// The session's cache. What is not understood and may be left out is a warning.
    ///
    /// Errors: `Problem`, `ConfigError`.
    explicit Target(Session& session);

    /// Without its password, in one line.
    const std::string& shown_url() const noexcept { return shown_url_; }
    /// As it was given, or as a document says it.
    const std::string& url() const noexcept { return url_; }
    /// As it was configured: its prefix, its version, its keys. But no error is ignored.
    const Cache& cache() const noexcept { return cache_; }
    /// The same entries under final keys, whatever was configured of keys and errors.
    const Cache& finals() const noexcept { return finals_; }
    const Capabilities& capabilities() const noexcept { return cache_.capabilities(); }

    /// Errors: `Problem` with `Exit::usage`.
    NamedKey key(const std::string& word) const;
    std::vector<NamedKey> keys(std::span<const std::string> words) const;
    /// The word, without its escapes if it has some. Errors: `Problem` with `Exit::usage`.
    std::string plain(const std::string& word) const;

    /// What is stored, which is no use of it. Errors: `InvalidKey`.
    std::vector<Answer> read(std::span<const NamedKey> keys) const;
    Answer read(const NamedKey& key) const;

 private:
    const Arguments& arguments_;
    std::string url_;
    std::string shown_url_;
    Cache opened_;
    Cache cache_;
    Cache finals_;
};

}  // namespace cachemodel::tool
