// cachemodel: prefetch gives each object the same arguments, and so copies them.
// SPDX-License-Identifier: MIT
// expect: cachemodel: prefetch takes parameters that can be copied, for it may call with them more
// expect: than once; let the function take them by const reference
#include <cachemodel/cachemodel.hpp>

#include <vector>

using namespace cachemodel;

struct Token {
    Token() = default;
    Token(Token&&) = default;
    int number = 0;
};
int to_cache_key(const Token& token);

struct Door {
    int id = 0;
#ifdef CACHEMODEL_MISTAKE
    bool opens(Token token) const;
#else
    bool opens(const Token& token) const;
#endif
};

const CachedMethod<&Door::opens, &Door::id> opens;

void use(const std::vector<Door>& doors) {
    (void)opens(doors[0], Token{});
    (void)opens.prefetch(doors, Token{});
}
