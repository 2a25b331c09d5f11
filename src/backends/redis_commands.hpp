// cachemodel: the calls of the Redis backend, as commands and what their replies say.
// SPDX-License-Identifier: MIT
#pragma once

#include "backends/redis_exchange.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cachemodel::redis {

/// Reads entries: GET for one, MGET for several.
class Reading final : public Exchange {
 public:
    Reading(Server& server, Positions positions, const Login& login,
            std::span<const std::string_view> keys, ReadSink& sink)
        : Exchange(server, positions, login), keys_(keys), sink_(sink) {}

 private:
    void start() noexcept override { is_within_ = false; }
    std::size_t ask(std::size_t index, std::string& request) override;
    bool take(const Item& item) override;
    bool finish() override;
    void fail(std::size_t position, const Failure& failure) override;

    bool take_first(const Item& item);
    bool take_value(const Item& item);
    std::size_t group_end(std::size_t index) const noexcept;

    std::span<const std::string_view> keys_;
    ReadSink& sink_;
    bool is_within_ = false;       ///< a reply has begun
    std::size_t group_begin_ = 0;  ///< of the command that is being answered
    std::size_t group_end_ = 0;
};

/// `Store::set` and `Store::add`.
class Storing final : public Commanding {
 public:
    /// `outdated` gets the positions that `Store::set` could not set although the server is well:
    /// what was stored under their keys is still there.
    Storing(Server& server, Positions positions, const Login& login, std::span<Outcome> outcomes,
            Store how, std::span<const Entry> entries, std::vector<std::uint32_t>& outdated)
        : Commanding(server, positions, login, outcomes),
          how_(how),
          entries_(entries),
          outdated_(outdated) {}

 private:
    void command(std::size_t position, std::string& request) override;
    std::optional<Outcome> judge(std::size_t position) override;
    std::optional<Outcome> judge_error(std::string_view error) override;
    bool is_repeatable() const noexcept override { return how_ == Store::set; }

    Store how_;
    std::span<const Entry> entries_;
    std::vector<std::uint32_t>& outdated_;
};

/// `Store::compare_and_set`: one entry after the other, each in two round trips. The server refuses
/// the second one where the entry was written to after the first one read it.
class Swapping final : public Commanding {
 public:
    Swapping(Server& server, Positions positions, const Login& login, std::span<Outcome> outcomes,
             std::span<const Entry> entries)
        : Commanding(server, positions, login, outcomes), entries_(entries) {}

 private:
    enum class Step : std::uint8_t { read, write, let_go };

    bool may_ask() const noexcept override { return Exchange::may_ask() && asked_ == next_; }
    void command(std::size_t position, std::string& request) override;
    std::size_t replies() const noexcept override;
    bool take(const Item& item) override;
    std::optional<Outcome> judge(std::size_t position) override;
    std::optional<Outcome> judge_error(std::string_view error) override;
    bool is_repeatable() const noexcept override { return false; }

    std::optional<Outcome> judge_writing() const;

    std::span<const Entry> entries_;
    Step step_ = Step::read;
    bool is_same_ = false;
};

class Removing final : public Commanding {
 public:
    Removing(Server& server, Positions positions, const Login& login, std::span<Outcome> outcomes,
             std::span<const std::string_view> keys)
        : Commanding(server, positions, login, outcomes), keys_(keys) {}

 private:
    void command(std::size_t position, std::string& request) override;
    std::optional<Outcome> judge(std::size_t position) override;

    std::span<const std::string_view> keys_;
};

class Touching final : public Commanding {
 public:
    Touching(Server& server, Positions positions, const Login& login, std::span<Outcome> outcomes,
             std::span<const std::string_view> keys, Lifetime lifetime)
        : Commanding(server, positions, login, outcomes), keys_(keys), lifetime_(lifetime) {}

 private:
    void command(std::size_t position, std::string& request) override;
    std::size_t replies() const noexcept override { return lifetime_.is_never() ? 4 : 1; }
    std::optional<Outcome> judge(std::size_t position) override;

    std::span<const std::string_view> keys_;
    Lifetime lifetime_;
};

class Counting final : public Commanding {
 public:
    Counting(Server& server, Positions positions, const Login& login, std::span<Outcome> outcomes,
             std::string_view key, std::int64_t delta, std::int64_t& value)
        : Commanding(server, positions, login, outcomes), key_(key), delta_(delta), value_(value) {}

 private:
    void command(std::size_t position, std::string& request) override;
    std::optional<Outcome> judge(std::size_t position) override;
    std::optional<Outcome> judge_error(std::string_view error) override;
    bool is_repeatable() const noexcept override { return false; }

    std::string_view key_;
    std::int64_t delta_;
    std::int64_t& value_;
    bool has_script_ = true;  ///< the server is believed to know the script
};

/// Asks how long an entry has left.
class Timing final : public Commanding {
 public:
    Timing(Server& server, Positions positions, const Login& login, std::span<Outcome> outcomes,
           std::string_view key, Lifetime& left)
        : Commanding(server, positions, login, outcomes), key_(key), left_(left) {}

 private:
    void command(std::size_t position, std::string& request) override;
    std::optional<Outcome> judge(std::size_t position) override;

    std::string_view key_;
    Lifetime& left_;
};

/// One step through the keys.
class Scanning final : public Commanding {
 public:
    /// Goes on at `cursor`, which becomes the place of the next step, "0" after the last one.
    Scanning(Server& server, Positions positions, const Login& login, std::span<Outcome> outcomes,
             std::string_view pattern, std::string& cursor, std::vector<std::string>& keys)
        : Commanding(server, positions, login, outcomes),
          pattern_(pattern),
          cursor_(cursor),
          keys_(keys) {}

 private:
    void start() noexcept override;
    void command(std::size_t position, std::string& request) override;
    bool take(const Item& item) override;
    std::optional<Outcome> judge(std::size_t position) override;

    std::string_view pattern_;
    std::string& cursor_;
    std::vector<std::string>& keys_;
};

class Flushing final : public Commanding {
 public:
    using Commanding::Commanding;

 private:
    void command(std::size_t position, std::string& request) override;
    std::optional<Outcome> judge(std::size_t position) override;
};

/// Asks the server what it knows about itself.
class Inquiring final : public Commanding {
 public:
    Inquiring(Server& server, Positions positions, const Login& login, std::span<Outcome> outcomes,
              std::string& info)
        : Commanding(server, positions, login, outcomes), info_(info) {}

 private:
    void command(std::size_t position, std::string& request) override;
    std::optional<Outcome> judge(std::size_t position) override;

    std::string& info_;
};

}  // namespace cachemodel::redis
