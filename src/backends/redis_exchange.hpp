// cachemodel: questions to a Redis server and its replies, for one call.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>

#include "backends/redis_reply.hpp"
#include "net/conversation.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cachemodel::redis {

using net::Positions;
using net::Server;

/// What a new connection begins with.
struct Login {
    std::string user;
    std::string password;
    std::uint32_t database = 0;
};

/// A conversation of commands and replies. A new connection is logged in and has its database
/// selected before anything else is said: otherwise a command could reach another database.
class Exchange : public net::Conversation, protected ItemSink {
 public:
    Exchange(Server& server, Positions positions, const Login& login)
        : Conversation(server, positions), login_(login) {}

 protected:
    /// A whole reply was taken. False when it makes no sense.
    virtual bool finish() = 0;

    /// The conversation begins, on a connection that has said nothing yet: once, or twice.
    virtual void start() noexcept {}

    bool may_ask() const noexcept override { return greetings_ == 0; }

    /// The connection must not be used again after this call.
    void spoil() noexcept { is_spoiled_ = true; }

    /// The server ends the connection with this reply: what comes after it needs another one.
    void part() noexcept { is_parting_ = true; }

    /// The failure that a server's error stands for.
    Failure failure_of(std::string_view error) const;

 private:
    void greet(bool is_new, std::string& request) final;
    Heard hear(std::string_view answer) final;
    /// The server answered `error` to what a connection begins with.
    net::Trouble turned_away(std::string_view error) const;

    const Login& login_;
    std::optional<ReplyReader> reader_;
    int greetings_ = 0;  ///< replies to what was said at first that are to come
    bool is_spoiled_ = false;
    bool is_parting_ = false;
};

/// Commands of which each position gets an outcome.
class Commanding : public Exchange {
 public:
    Commanding(Server& server, Positions positions, const Login& login, std::span<Outcome> outcomes)
        : Exchange(server, positions, login), outcomes_(outcomes) {}

 protected:
    struct Answer {
        Item::Kind kind;
        std::int64_t integer = 0;
        std::string text;
    };

    /// Appends the commands of one position, which get `replies()` replies.
    virtual void command(std::size_t position, std::string& request) = 0;
    virtual std::size_t replies() const noexcept { return 1; }
    /// Nothing when the answers make no sense, or `ask_again()`. None of the replies is an error.
    virtual std::optional<Outcome> judge(std::size_t position) = 0;
    /// The same where one is.
    virtual std::optional<Outcome> judge_error(std::string_view error);

    /// There is more to say before the position has its outcome.
    std::optional<Outcome> ask_again() noexcept;

    std::size_t ask(std::size_t index, std::string& request) override;
    void start() noexcept override { forget_answers(); }
    bool take(const Item& item) override;
    bool finish() override;
    void fail(std::size_t position, const Failure& failure) final;

    /// The items of the replies to one position, arrays before their elements.
    const std::vector<Answer>& answers() const noexcept { return answers_; }
    bool is_integer(std::size_t index) const noexcept;
    bool is_status(std::size_t index, std::string_view text) const noexcept;
    /// The replies to the position that are whole.
    std::size_t finished() const noexcept { return finished_; }

 private:
    void forget_answers() noexcept;

    std::span<Outcome> outcomes_;
    std::vector<Answer> answers_;
    std::optional<std::string> error_;
    std::size_t finished_ = 0;
    bool is_again_ = false;
};

}  // namespace cachemodel::redis
