// Builds the parts on the real machine and hands them down.
#include <cstdio>
#include <string>
#include <vector>

#include "agent/serve.h"

int main(int count, char** arguments) {
  const std::vector<std::string> words(arguments + 1, arguments + count);
  return petiole::run_program(words);
}
